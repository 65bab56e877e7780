"""OSIE: 700 images of 800x600, 15 observers, 3 s of free viewing, 98,321 fixations (Xu et al. 2014).

github.com/NUS-VIP/predicting-human-gaze-beyond-pixels; MIT licence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.build import Outside, make_fixations
from regard.gaze.fixations import Fixations
from regard.gaze.readers.files import image_sizes, load_mat
from regard.gaze.tables import read_csv
from regard.types import RegardError

_SIZE = (600, 800)


def read_osie(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """OSIE from a folder with ``fixations.csv`` and ``images/`` (coordinates in those images), or ``fixations.mat``.

    The CSV has the columns image, subject, order, x, y, dur_ms. In the ``.mat`` a struct an image has ``img`` and
    ``subjects``, one struct an observer with fix_x, fix_y, fix_duration (ms), in pixels of 800x600, 0-based.

    Raises:
        RegardError: neither file, a corrupt file, or coordinates that do not fit.
    """
    folder = Path(folder)
    if (folder / "fixations.csv").exists():
        stored = image_sizes(folder / "images")
        return read_csv(folder / "fixations.csv", sizes=stored, points_outside=points_outside)
    if not (folder / "fixations.mat").exists():
        raise RegardError(f"{folder} holds neither fixations.csv nor fixations.mat of OSIE")
    image, subject, x, y, duration = [], [], [], [], []
    order: list[int] = []
    sizes: dict[str, tuple[int, int]] = {}
    for entry in np.atleast_1d(load_mat(folder / "fixations.mat", "fixations")["fixations"]):
        sizes[str(entry.img)] = _SIZE
        for person, seen in enumerate(np.atleast_1d(entry.subjects)):
            xs = np.atleast_1d(seen.fix_x)
            image += [str(entry.img)] * len(xs)
            subject += [person] * len(xs)
            order += range(len(xs))
            x += xs.tolist()
            y += np.atleast_1d(seen.fix_y).tolist()
            duration += np.atleast_1d(seen.fix_duration).tolist()
    return make_fixations(
        image=image,
        subject=subject,
        order=order,
        x=x,
        y=y,
        duration=duration,
        sizes=sizes,
        points_outside=points_outside,
    )
