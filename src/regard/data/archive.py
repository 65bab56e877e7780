"""Zip archives that are not trusted: entries must stay inside, and are read without unpacking."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from regard.types import RegardError


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip opened for reading, after its entries' names are checked.

    An entry that would leave the folder it is unpacked in (an absolute path, a drive, ``..``) or that is a symbolic
    link is an error, although regard does not unpack archives: such an archive is corrupt or malicious.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise RegardError(f"{path}: no such archive; correct the path") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise RegardError(f"{path}: damaged zip ({error}); fetch it again") from None
    for entry in archive.infolist():
        name = entry.filename
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        link = (entry.external_attr >> 16) & 0o170000 == 0o120000
        if posix.is_absolute() or windows.anchor or ".." in posix.parts or ".." in windows.parts or link:
            archive.close()
            raise RegardError(f"{path}: entry {name!r} leaves the archive's folder; do not use this archive")
    return archive


def read_zip_image(archive: zipfile.ZipFile, name: str, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """The RGB pixels of an image in an archive.

    Raises:
        RegardError: an entry that cannot be read, or that is not of ``size`` (height, width).
    """
    try:
        with Image.open(io.BytesIO(archive.read(name))) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, zipfile.BadZipFile) as error:
        raise RegardError(
            f"{archive.filename}: entry {name!r} cannot be read ({error}); fetch the archive again"
        ) from None
    height, width = pixels.shape[:2]
    if (height, width) != size:
        raise RegardError(f"{archive.filename}: entry {name!r} is {width}x{height}, not {size[1]}x{size[0]}")
    return pixels
