"""What readers share: sizes of images, MATLAB files, numbers in text, and errors that name the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from regard.gaze.build import natural
from regard.types import RegardError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def image_sizes(folder: str | Path, *, recursive: bool = False) -> dict[str, tuple[int, int]]:
    """Name -> (height, width) of the images of a folder, in natural order; only headers are read.

    With ``recursive`` a name is the path below the folder, with forward slashes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RegardError(f"{folder} is no folder: the images are expected there")
    found = folder.rglob("*") if recursive else folder.iterdir()
    paths = [p for p in found if p.suffix.lower() in IMAGES]
    if not paths:
        raise RegardError(f"{folder} has no images ({', '.join(IMAGES)})")
    names = {p.relative_to(folder).as_posix(): p for p in paths}
    return {name: image_size(names[name]) for name in sorted(names, key=natural)}


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) from the header of an image file."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, UnidentifiedImageError) as error:
        raise RegardError(f"cannot read the image {path}: {error}") from error


def load_mat(path: str | Path, *names: str) -> dict[str, Any]:
    """Variables ``names`` of a MATLAB file before v7.3, structs as objects, singleton dimensions removed.

    Raises:
        RegardError: a missing, corrupt or v7.3 file, or a missing variable.
    """
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=names)
    except NotImplementedError as error:  # scipy's way to say HDF5
        raise RegardError(f"{path} is a MATLAB v7.3 file (HDF5): this set's file is of an older version") from error
    except Exception as error:  # scipy lets struct.error, zlib.error, TypeError and others through
        raise RegardError(f"cannot read {path} as a MATLAB file: {type(error).__name__}: {error}") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise RegardError(f"{path} lacks the variable(s) {missing}: it is not this set's file")
    return content


def load_csv(path: str | Path, columns: Iterable[str]) -> dict[str, list[str]]:
    """The columns of a CSV file as text.

    Raises:
        RegardError: a missing file or column.
    """
    import csv

    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [row for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise RegardError(f"{path} lacks the column(s) {missing}: it has {header}")
    return {name: [row[header.index(name)] for row in rows] for name in columns}


def numbers(values: Iterable[str], what: str) -> Any:
    """Text as float64.

    Raises:
        RegardError: a value that is no number; ``what`` names file and column.
    """
    values = list(values)
    try:
        return np.array(values, dtype=np.float64)
    except ValueError:
        for row, value in enumerate(values):
            try:
                float(value)
            except ValueError:
                raise RegardError(f"{what}, row {row}: {value!r} is not a number") from None
        raise
