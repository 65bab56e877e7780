"""A folder of images and one CSV file: the form that a person's own data takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regard.gaze.build import Outside
from regard.gaze.fixations import Fixations
from regard.gaze.readers.files import image_sizes
from regard.gaze.tables import read_csv


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
        columns: our name -> the file's.
        pixels_per_degree: of the images as stored.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: no images, a fixation on an image that the folder lacks, coordinates that do not fit.
    """
    return read_csv(
        fixations,
        sizes=image_sizes(images, recursive=True),
        columns=columns,
        pixels_per_degree=pixels_per_degree,
        points_outside=points_outside,
    )
