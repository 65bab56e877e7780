"""Low-level reading that the readers share: image sizes, pixel maps, MATLAB, CSV; errors name the file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.fixations import natural
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.reading import image_header, load_image, regular_file
from regard.types import RegardError


def image_sizes(folder: str | Path, *, recursive: bool = False) -> dict[str, tuple[int, int]]:
    """Name -> (height, width) of the images of a folder, in natural order; only headers are read.

    With ``recursive`` a name is the path below the folder, with forward slashes.
    """
    return {name: image_size(path) for name, path in image_paths(folder, recursive=recursive).items()}


def image_paths(folder: str | Path, *, recursive: bool = False) -> dict[str, Path]:
    """Name -> file of the images of a folder, named and ordered as by `image_sizes`.

    Raises:
        RegardError: no such folder, or one without images.
    """
    folder = Path(folder)
    paths = {p.relative_to(folder).as_posix(): p for p in list_files(folder, IMAGE_SUFFIXES, recursive=recursive)}
    if not paths:
        raise RegardError(f"{folder} has no images ({', '.join(IMAGE_SUFFIXES)})")
    return {name: paths[name] for name in sorted(paths, key=natural)}


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of an image as it is shown, turned as its EXIF orientation says; only the header is read.

    Raises:
        RegardError: no such file, or none that holds an image.
    """
    header = image_header(path)
    return header.height, header.width


def load_mat(path: str | Path, *names: str) -> dict[str, Any]:
    """Variables ``names`` of a MATLAB file before v7.3, structs as objects, singleton dimensions removed.

    Raises:
        RegardError: a missing, corrupt or v7.3 file, or a missing variable.
    """
    from scipy.io import loadmat

    regular_file(path)
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


def load_csv(
    path: str | Path, columns: Sequence[str] = (), numeric: Sequence[str] = (), *, blank: bool = False
) -> dict[str, Any]:
    """All columns of a CSV file with a header: as lists of text, those of ``numeric`` as `numbers`.

    Raises:
        RegardError: an unreadable or empty file, a row of another length than the header, a missing column of
            ``columns`` or ``numeric``, a value that is no number.
    """
    try:
        with regular_file(path).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error
    if not rows:
        raise RegardError(f"{path} is empty: a header such as image,subject,order,x,y,duration is needed")
    header = [name.strip() for name in rows[0]]
    for line, row in enumerate(rows[1:], start=2):
        if row and len(row) != len(header):
            raise RegardError(f"{path}, line {line}: {len(row)} values for {len(header)} columns {header}")
    missing = [name for name in (*columns, *numeric) if name not in header]
    if missing:
        raise RegardError(f"{path} lacks the column(s) {missing}: it has {header}")
    table: dict[str, Any] = {name: [row[k] for row in rows[1:] if row] for k, name in enumerate(header)}
    return table | {name: numbers(table[name], f"{path}, {name}", blank=blank) for name in numeric}


def numbers(values: Iterable[Any], source: str, *, column: str | None = None, blank: bool = False) -> Any:
    """Text or numbers as float64 (N,); with ``blank`` an empty value or None becomes NaN.

    Raises:
        RegardError: a value that is no number; ``source`` and ``column`` say where it stands.
    """
    out = []
    for row, value in enumerate(values):
        try:
            out.append(np.nan if blank and value in (None, "") else float(value))
        except ValueError:
            where = "" if column is None else f", column {column!r}"
            raise RegardError(f"{source}, row {row}{where}: {value!r} is not a number") from None
    return np.array(out, dtype=np.float64)


def fixated_pixels(path: str | Path, *, threshold: int = 127) -> tuple[tuple[int, int], Any, Any]:
    """Size (height, width) of a binary map of fixations and x, y (n,) of its pixels brighter than ``threshold``."""
    values = np.asarray(load_image(path, turned=True).convert("L"))
    y, x = np.nonzero(values > threshold)
    return (values.shape[0], values.shape[1]), x, y
