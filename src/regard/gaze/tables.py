"""Fixations from and to tables of one row per fixation: CSV, Parquet, or a folder of images with one CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regard.files import atomic_path
from regard.gaze.files import image_sizes, load_csv, numbers
from regard.gaze.fixations import Fixations, Outside, make_fixations
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
    sizes: Mapping[str, tuple[int, int]] | None = None,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    points_outside: Outside = "raise",
) -> Fixations:
    r"""Fixations from a CSV file with a header: image, x, y and, if known, subject, order, duration (ms).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "gaze.csv"
    >>> _ = path.write_text("image,observer,x,y,dur_ms\na.jpg,ann,12.5,30,210\na.jpg,ben,40,8,180\n")
    >>> table = read_csv(path, sizes={"a.jpg": (48, 64)})
    >>> table.subjects, table.duration.tolist()
    (('ann', 'ben'), [210.0, 180.0])

    Args:
        path: the file.
        sizes: name -> (height, width); not needed where the file has the columns width and height.
        columns: regard's name -> the file's, such as {"duration": "length_ms"}; dur_ms, observer, filename need none.
        pixels_per_degree: replaces the file's.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: a missing column, a value that is no number (row and column are named), or bad coordinates.
    """
    return _from_columns(load_csv(path), str(path), points_outside, sizes, columns, pixels_per_degree)


def read_folder(
    images: str | Path,
    fixations: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
    points_outside: Outside = "raise",
) -> Fixations:
    """Fixations of a CSV file on the images of a folder, whose sizes are read from the files.

    Args:
        images: folder of images, subfolders included; the CSV names them by their path below it.
        fixations: CSV with image, x, y and, if known, subject, order, duration (ms); see ``read_csv``.
        columns: regard's name -> the file's.
        pixels_per_degree: of the images as stored.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: no images, a fixation on an image that the folder lacks, invalid coordinates.
    """
    return read_csv(
        fixations,
        sizes=image_sizes(images, recursive=True),
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

    regular_file(path)
    try:
        table = pq.read_table(path).to_pydict()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RegardError(f"cannot read {path} as Parquet: {error}") from error
    return _from_columns(table, str(path), points_outside)


def _from_columns(
    table: Mapping[str, list[Any]],
    source: str,
    points_outside: Outside,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    columns: Mapping[str, str] | None = None,
    pixels_per_degree: float | None = None,
) -> Fixations:
    """Fixations from columns of text or numbers, empty where unknown; see `read_csv`."""

    def column(name: str) -> str | None:
        candidates = ((columns or {}).get(name, name), *_ALIASES.get(name, ()))
        return next((key for key in candidates if key in table), None)

    missing = [name for name in ("image", "x", "y") if column(name) is None]
    if missing:
        raise RegardError(f"{source} lacks the column(s) {missing}, only {list(table)}: name them through columns=...")

    def values(name: str) -> Any:
        key = column(name)
        return None if key is None else numbers(table[key], source, column=key, blank=True)

    x, y = values("x"), values("y")
    names = [str(name) for name in table[column("image") or ""]]
    if sizes is None:
        width, height = values("width"), values("height")
        if width is None or height is None:
            raise RegardError(f"{source} has no columns width and height: pass sizes, name -> (height, width)")
        sizes = {name: (int(h), int(w)) for name, h, w in zip(names, height, width, strict=True)}
    degree = values("pixels_per_degree")
    if pixels_per_degree is None and degree is not None and np.isfinite(degree).any():
        pixels_per_degree = float(degree[np.isfinite(degree)][0])
    keep = ~(np.isnan(x) & np.isnan(y))  # a row without x and y lists an image without fixations
    subject, order, duration = column("subject"), values("order"), values("duration")
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
