"""Fixations out of CSV and Parquet files: one row a fixation, the image's size in each row or beside the file.

Fixations into CSV and Parquet files: one row a fixation, the image's size in each row.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.build import Outside, make_fixations
from regard.gaze.fixations import Fixations
from regard.types import RegardError

ALIASES = {"duration": ("dur_ms", "duration_ms", "dur"), "subject": ("observer", "participant"), "image": ("filename",)}


def read_csv(
    path: str | Path,
    *,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    points_outside: Outside = "raise",
) -> Fixations:
    """Fixations from a CSV file with a header: image, x, y and, if known, subject, order, duration (ms).

    Args:
        path: the file.
        sizes: name -> (height, width); not needed where the file has the columns width and height.
        columns: our name -> the file's, such as {"duration": "length_ms"}; dur_ms, observer and filename are known.
        pixels_per_degree: overrides the file's.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: a missing column, a value that is no number (row and column are named), or bad coordinates.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegardError(f"cannot read {path} as CSV: {error}") from error
    if not rows:
        raise RegardError(f"{path} is empty: a header such as image,subject,order,x,y,duration is needed")
    header = [name.strip() for name in rows[0]]
    short = next((k for k, row in enumerate(rows[1:], start=2) if row and len(row) != len(header)), None)
    if short:
        raise RegardError(f"{path}, line {short}: {len(rows[short - 1])} values for {len(header)} columns {header}")
    body = [row for row in rows[1:] if row]
    table: dict[str, list[Any]] = {name: [row[k] for row in body] for k, name in enumerate(header)}
    return from_columns(
        table,
        source=str(path),
        sizes=sizes,
        columns=columns,
        pixels_per_degree=pixels_per_degree,
        points_outside=points_outside,
    )


def read_parquet(path: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """Fixations from a Parquet file with the columns of ``write_csv`` (needs pyarrow: ``pip install regard[gaze]``).

    Raises:
        RegardError: not a Parquet file, a missing column, bad coordinates.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).to_pydict()
    except (OSError, pa.ArrowInvalid) as error:
        raise RegardError(f"cannot read {path} as Parquet: {error}") from error
    return from_columns(table, source=str(path), points_outside=points_outside)


def from_columns(
    table: Mapping[str, list[Any]],
    *,
    source: str,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    points_outside: Outside = "raise",
) -> Fixations:
    """Fixations from columns as a file gave them (text or numbers, empty where unknown); see ``read_csv``."""

    def column(name: str) -> str | None:
        known = ((columns or {}).get(name, name), *ALIASES.get(name, ()))
        return next((k for k in known if k in table), None)

    missing = [name for name in ("image", "x", "y") if column(name) is None]
    if missing:
        raise RegardError(f"{source} lacks the column(s) {missing}, only {list(table)}: name them through columns=...")

    def numbers(name: str) -> Any:
        key = column(name)
        return None if key is None else _numbers(table[key], source, key)

    x, y = numbers("x"), numbers("y")
    names = [str(name) for name in table[column("image") or ""]]
    if sizes is None:
        width, height = numbers("width"), numbers("height")
        if width is None or height is None:
            raise RegardError(f"{source} has no columns width and height: pass sizes, name -> (height, width)")
        sizes = {name: (int(h), int(w)) for name, h, w in zip(names, height, width, strict=True)}
    degree = numbers("pixels_per_degree")
    if pixels_per_degree is None and degree is not None and np.isfinite(degree).any():
        pixels_per_degree = float(degree[np.isfinite(degree)][0])
    keep = ~(np.isnan(x) & np.isnan(y))  # rows that only list an image
    subject, order, duration = column("subject"), numbers("order"), numbers("duration")
    return make_fixations(
        image=np.array(names, dtype=object)[keep],
        x=x[keep],
        y=y[keep],
        sizes=sizes,
        subject=None if subject is None else np.array(table[subject], dtype=object)[keep],
        order=None if order is None else order[keep],
        duration=None if duration is None else duration[keep],
        pixels_per_degree=pixels_per_degree,
        points_outside=points_outside,
    )


def _numbers(values: list[Any], source: str, name: str) -> Any:
    """Text or numbers as float64, NaN where empty."""
    try:
        return np.array([np.nan if v is None or v == "" else float(v) for v in values], dtype=np.float64)
    except ValueError:
        for k, v in enumerate(values):
            try:
                float(v or 0)
            except ValueError:
                raise RegardError(f"{source}, row {k}, column {name!r}: {v!r} is not a number") from None
        raise


_COLUMNS = ("image", "width", "height", "subject", "order", "x", "y", "duration", "pixels_per_degree")


def write_csv(fixations: Fixations, path: str | Path) -> None:
    """Write one row a fixation; an image without fixations has one row without coordinates.

    Columns: image, width, height, subject, order, x, y, duration (ms, empty if unknown), pixels_per_degree.
    """
    table = _columns(fixations)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(zip(*(["" if v is None else v for v in table[c]] for c in _COLUMNS), strict=True))


def write_parquet(fixations: Fixations, path: str | Path) -> None:
    """Write the columns of ``write_csv`` as Parquet (needs pyarrow: ``pip install regard[gaze]``)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(_columns(fixations)), path)


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
