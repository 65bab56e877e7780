"""Fixations from and to tables of one row per fixation: CSV, Parquet, or a folder of images with one CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from regard.files import atomic_path
from regard.gaze.entry import GazeUnits
from regard.gaze.files import image_sizes, load_csv, numbers
from regard.gaze.fixations import Fixations, make_fixations
from regard.reading import regular_file
from regard.types import RegardError

_ALIASES = {
    "duration": ("dur_ms", "duration_ms", "dur"),
    "subject": ("observer", "participant"),
    "image": ("filename",),
}
_COLUMNS = ("image", "width", "height", "subject", "order", "x", "y", "duration", "pixels_per_degree")


def read_csv(
    path: str | Path,
    *,
    sizes: Mapping[str, tuple[int, int] | None] | None = None,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    **units: Unpack[GazeUnits],
) -> Fixations:
    r"""Fixations from a CSV file with a header: image, x, y and, if known, subject, order, duration (ms).

    Values are separated by commas, semicolons, tabs or ``|``, as the header shows; decimals may have a comma where
    values are not separated by one. A row without x and y lists an image; if it names a subject, it is a fixation
    whose place was lost, and is counted in ``dropped``.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "gaze.csv"
    >>> _ = path.write_text("image,observer,x,y,dur_ms\na.jpg,ann,12.5,30,210\na.jpg,ben,40,8,180\n")
    >>> table = read_csv(path, sizes={"a.jpg": (48, 64)})
    >>> table.subjects, table.duration.tolist()
    (('ann', 'ben'), [210.0, 180.0])

    Args:
        path: the file.
        sizes: name -> (height, width); not needed where the file has the columns width and height. None for an image
            that cannot be read.
        columns: regard's name -> the file's, such as {"duration": "length_ms"}; dur_ms, observer, filename need none.
        pixels_per_degree: replaces the file's.
        units: ``units``, ``first_pixel``, ``gaze_size``, ``duration_unit``, ``points_outside``, see `make_fixations`.

    Raises:
        RegardError: a missing column, a value that is no number (row and column are named), or bad coordinates.
    """
    return _from_columns(load_csv(path), str(path), sizes, columns, pixels_per_degree, units)


def read_folder(
    images: str | Path,
    fixations: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    **units: Unpack[GazeUnits],
) -> Fixations:
    """Fixations of a CSV file on the images of a folder, whose sizes are read from the files.

    Args:
        images: folder of images, subfolders included; the CSV names them by their path below it.
        fixations: CSV with image, x, y and, if known, subject, order, duration (ms); see `read_csv`.
        columns: regard's name -> the file's.
        pixels_per_degree: of the images as stored.
        units: see `read_csv`.

    Raises:
        RegardError: no images, a fixation on an image that the folder lacks, invalid coordinates.
    """
    sizes = image_sizes(images, recursive=True)
    return read_csv(fixations, sizes=sizes, columns=columns, pixels_per_degree=pixels_per_degree, **units)


def read_parquet(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    **units: Unpack[GazeUnits],
) -> Fixations:
    """Fixations from a Parquet file with the columns of ``write_csv`` (needs pyarrow: ``pip install regard[gaze]``).

    Args:
        path: the file.
        columns: regard's name -> the file's.
        pixels_per_degree: replaces the file's.
        units: see `read_csv`.

    Raises:
        RegardError: not a Parquet file, a missing column, bad coordinates.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    regular_file(path)
    try:
        table = pq.read_table(path).to_pydict()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RegardError(f"cannot read {path} as Parquet: {error}") from error
    return _from_columns(table, str(path), None, columns, pixels_per_degree, units)


def _from_columns(
    table: Mapping[str, list[Any]],
    source: str,
    sizes: Mapping[str, tuple[int, int] | None] | None,
    columns: Mapping[str, str] | None,
    pixels_per_degree: float | None,
    units: GazeUnits,
) -> Fixations:
    """Fixations from columns of text or numbers, empty where unknown; see `read_csv`."""
    named = _named_columns(table, source, columns or {})

    def values(name: str) -> Any:
        key = named.get(name)
        return None if key is None else numbers(table[key], source, column=key, blank=True)

    x, y = values("x"), values("y")
    names = [str(name) for name in table[named["image"]]]
    if sizes is None:
        sizes = _own_sizes(names, values("width"), values("height"), source)
    degree = values("pixels_per_degree")
    if pixels_per_degree is None and degree is not None and np.isfinite(degree).any():
        pixels_per_degree = float(degree[np.isfinite(degree)][0])
    keep = ~(np.isnan(x) & np.isnan(y))  # a row without x and y lists an image without fixations
    order, duration = values("order"), values("duration")
    if order is not None and np.isnan(order[keep]).all():
        order = None
    subject = None if "subject" not in named else np.array([_text(v) for v in table[named["subject"]]], dtype=object)
    lost = 0 if subject is None else int((subject[~keep] != "").sum())
    made = make_fixations(
        image=np.array(names, dtype=object)[keep],
        x=x[keep],
        y=y[keep],
        sizes=sizes,
        subject=None if subject is None else subject[keep],
        order=None if order is None else order[keep],
        duration=None if duration is None else duration[keep],
        pixels_per_degree=pixels_per_degree,
        **units,
    )
    return replace(made, dropped=made.dropped + lost)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _named_columns(table: Mapping[str, list[Any]], source: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Regard's name -> the column of the table: as told, else by its own or another usual name, capitals aside."""
    unknown = next((name for name in columns if name not in _COLUMNS), None)
    if unknown is not None:
        raise RegardError(f"columns: {unknown!r} is none of {', '.join(_COLUMNS)}; write NAME=COLUMN OF THE FILE")
    named = {}
    for name in _COLUMNS:
        if name in columns:
            if columns[name] not in table:
                raise RegardError(f"{source} has no column {columns[name]!r} for {name}; it has {list(table)}")
            named[name] = columns[name]
            continue
        usual = (name, *_ALIASES.get(name, ()))
        found = next((key for want in usual for key in table if key == want), None)
        found = found or next((key for want in usual for key in table if key.casefold() == want), None)
        if found is not None:
            named[name] = found
    missing = [name for name in ("image", "x", "y") if name not in named]
    if missing:
        raise RegardError(
            f"{source} lacks the column(s) {missing}, it has {list(table)}: say which they are, as in --columns "
            f"{missing[0]}=NAME (columns={{{missing[0]!r}: 'NAME'}})"
        )
    return named


def _own_sizes(names: list[str], width: Any, height: Any, source: str) -> dict[str, tuple[int, int]]:
    """Sizes of images from the table's own columns, one for each image."""
    if width is None or height is None:
        raise RegardError(f"{source} has no columns width and height: pass sizes, name -> (height, width)")
    sizes: dict[str, tuple[int, int]] = {}
    for row, (name, h, w) in enumerate(zip(names, height, width, strict=True)):
        if not (np.isfinite(h) and np.isfinite(w)):
            raise RegardError(f"{source}, row {row}: image {name!r} has no width or height; give each row both")
        if sizes.setdefault(name, (int(h), int(w))) != (int(h), int(w)):
            first = sizes[name]
            raise RegardError(
                f"{source}, row {row}: image {name!r} is {int(w)}x{int(h)} here and {first[1]}x{first[0]} before; an "
                "image has one size"
            )
    return sizes


def write_csv(fixations: Fixations, path: str | Path) -> None:
    """Write one row per fixation; an image without fixations has one row without coordinates.

    Columns: image, width, height, subject, order, x, y, duration (ms, empty if unknown), pixels_per_degree.
    """
    table = _columns(fixations)
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(zip(*(["" if v is None else v for v in table[c]] for c in _COLUMNS), strict=True))


def write_parquet(fixations: Fixations, path: str | Path) -> None:
    """Write the columns of ``write_csv`` as Parquet (needs pyarrow: ``pip install regard[gaze]``)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic_path(path) as part:
        pq.write_table(pa.table(_columns(fixations)), part)


def _columns(fixations: Fixations) -> dict[str, list[Any]]:
    """Columns as lists; images without fixations are appended as rows without coordinates."""
    f = fixations
    empty = [k for k, n in enumerate(f.counts()) if n == 0]
    image = [*f.image.tolist(), *empty]
    blank: list[Any] = [None] * len(empty)
    return {
        "image": [f.images[k] for k in image],
        "width": [int(f.sizes[k, 1]) for k in image],
        "height": [int(f.sizes[k, 0]) for k in image],
        "subject": [*(f.subjects[k] for k in f.subject.tolist()), *blank],
        "order": [*f.order.tolist(), *blank],
        "x": [*f.x.tolist(), *blank],
        "y": [*f.y.tolist(), *blank],
        "duration": [*(None if np.isnan(d) else d for d in f.duration.tolist()), *blank],
        "pixels_per_degree": [f.pixels_per_degree] * len(image),
    }
