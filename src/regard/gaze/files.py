"""Low-level reading that the readers share: image sizes, pixel maps, MATLAB, CSV; errors name the file."""

from __future__ import annotations

import csv
import io
import re
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


def readable_sizes(folder: str | Path) -> tuple[dict[str, tuple[int, int] | None], dict[str, str]]:
    """As `image_sizes` with subfolders, None for files that hold no image; and name -> why, of those.

    Raises:
        RegardError: no such folder, or one without images.
    """
    sizes: dict[str, tuple[int, int] | None] = {}
    damaged: dict[str, str] = {}
    for name, path in image_paths(folder, recursive=True).items():
        try:
            sizes[name] = image_size(path)
        except RegardError as error:
            sizes[name], damaged[name] = None, str(error)
    return sizes, damaged


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

    UTF-8, or UTF-16 with its mark. The header shows what separates values: commas, semicolons, tabs or ``|``; or a
    first line ``sep=;`` does. Where it is no comma, columns of numbers may have decimal commas; they come back
    with points.

    Raises:
        RegardError: an unreadable or empty file, a row of another length than the header, a missing column of
            ``columns`` or ``numeric``, a value that is no number.
    """
    lines, separator = _lines(path)
    rows = _rows(lines, separator, path)
    header = [name.strip() for name in rows[0]]
    twice = next((name for k, name in enumerate(header) if name and name in header[:k]), None)
    if twice is not None:
        raise RegardError(f"{path} has two columns {twice!r}: name each column differently")
    for line, row in enumerate(rows[1:], start=2):
        if row and len(row) != len(header):
            hint = "; is it a decimal comma? Save with semicolons between values" if separator == "," else ""
            raise RegardError(f"{path}, line {line}: {len(row)} values for {len(header)} columns {header}{hint}")
    missing = [name for name in (*columns, *numeric) if name not in header]
    if missing:
        raise RegardError(f"{path} lacks the column(s) {missing}: it has {header}")
    table: dict[str, Any] = {name: [row[k].strip() for row in rows[1:] if row] for k, name in enumerate(header)}
    if separator != ",":
        table = {name: _decimal_points(values, separator) for name, values in table.items()}
    return table | {name: numbers(table[name], f"{path}, {name}", blank=blank) for name in numeric}


def csv_header(path: str | Path) -> list[str]:
    """The names of the columns of a CSV file, see `load_csv`."""
    lines, separator = _lines(path)
    return [name.strip() for name in _rows(lines[:1], separator, path)[0]]


def _rows(lines: list[str], separator: str, path: str | Path) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error


def _lines(path: str | Path) -> tuple[list[str], str]:
    """The lines of a CSV file, from its header on, and what separates values in it."""
    try:
        data = regular_file(path).read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise RegardError(f"cannot read {path} as CSV: byte {error.start} is no UTF-8; save as CSV UTF-8") from error
    lines = list(io.StringIO(text, newline=""))
    told = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")) if lines else None
    if told:
        lines = lines[1:]
    if not lines or not lines[0].strip():
        raise RegardError(f"{path} is empty: a header such as image,subject,order,x,y,duration is needed")
    counts = {separator: _fields(lines[0], separator, path) for separator in _SEPARATORS}
    return lines, told[1] if told else max(_SEPARATORS, key=lambda separator: counts[separator])


def _fields(line: str, separator: str, path: str | Path) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error


def _decimal_points(values: list[str], separator: str) -> list[str]:
    """A column of numbers with decimal commas, with points instead; any other column as it is.

    Without a semicolon, which only tables with decimal commas need, ``1,024`` may as well be a thousand and 24: where
    all commas could be that, the column stays and is no column of numbers.
    """
    with_comma = [value for value in values if "," in value]
    numeric = all(value.lower() in MISSING or _NUMBER.fullmatch(value) for value in values)
    if not with_comma or not numeric or (separator != ";" and all(_THOUSANDS.fullmatch(v) for v in with_comma)):
        return values
    return [value.replace(",", ".") for value in values]


_SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
MISSING = ("", "na", "n/a", "nan", "none", "null", ".")
"""Values that stand for an unknown number, in small letters: an empty cell, R's, pandas' and EyeLink's."""


def numbers(values: Iterable[Any], source: str, *, column: str | None = None, blank: bool = False) -> Any:
    """Text or numbers as float64 (N,); with ``blank`` a `MISSING` value or None becomes NaN.

    Raises:
        RegardError: a value that is no number; ``source`` and ``column`` say where it stands.
    """
    out = []
    for row, value in enumerate(values):
        try:
            unknown = blank and (value is None or (isinstance(value, str) and value.strip().lower() in MISSING))
            out.append(np.nan if unknown else float(value))
        except (TypeError, ValueError, OverflowError):
            where = "" if column is None else f", column {column!r}"
            comma = ": decimals have a point" if isinstance(value, str) and "," in value else ""
            raise RegardError(f"{source}, row {row}{where}: {value!r} is not a number{comma}") from None
    return np.array(out, dtype=np.float64)


def fixated_pixels(path: str | Path, *, threshold: int = 127) -> tuple[tuple[int, int], Any, Any]:
    """Size (height, width) of a binary map of fixations and x, y (n,) of its pixels brighter than ``threshold``."""
    values = np.asarray(load_image(path, turned=True).convert("L"))
    y, x = np.nonzero(values > threshold)
    return (values.shape[0], values.shape[1]), x, y
