"""Archives that are not trusted: names inside must stay inside."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from regard.types import RegardError


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip opened for reading, after a look at the names inside.

    An entry that would leave the folder it is unpacked in (an absolute path, a drive, ``..``) or that is a symbolic
    link is an error, although regard reads entries without unpacking them: such an archive is not what it claims.
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
