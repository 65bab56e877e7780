"""Fixations into CSV and Parquet files: one row a fixation, the image's size in each row."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.fixations import Fixations

COLUMNS = ("image", "width", "height", "subject", "order", "x", "y", "duration", "pixels_per_degree")


def write_csv(fixations: Fixations, path: str | Path) -> None:
    """Write one row a fixation; an image without fixations has one row without coordinates.

    Columns: image, width, height, subject, order, x, y, duration (ms, empty if unknown), pixels_per_degree.
    """
    table = _columns(fixations)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(["" if v is None else v for v in table[c]] for c in COLUMNS), strict=True))


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
