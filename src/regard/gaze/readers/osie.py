"""OSIE: 700 images of 800x600, 15 observers, 3 s of free viewing, 98,321 fixations (Xu et al. 2014).

github.com/NUS-VIP/predicting-human-gaze-beyond-pixels; MIT licence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.files import image_sizes, load_mat
from regard.gaze.fixations import Fixations, Outside, make_fixations
from regard.gaze.tables import read_csv
from regard.types import RegardError

_SIZE = (600, 800)


def read_osie(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    r"""OSIE from a folder with ``fixations.csv`` and ``images/`` (coordinates in those images), or ``fixations.mat``.

    The CSV has the columns image, subject, order, x, y, dur_ms. The ``.mat`` has one struct per image with ``img`` and
    ``subjects``, one struct per observer with fix_x, fix_y, fix_duration (ms), in pixels of 800x600, 0-based.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "images").mkdir()
    >>> Image.new("RGB", (40, 30)).save(folder / "images" / "1001.jpg")
    >>> _ = (folder / "fixations.csv").write_text("image,subject,order,x,y,dur_ms\n1001.jpg,0,0,39.5,2,246\n")
    >>> read_osie(folder).points().tolist()
    [[[39.5, 2.0]]]

    Raises:
        RegardError: neither file, a corrupt file, or invalid coordinates.
    """
    folder = Path(folder)
    if (folder / "fixations.csv").exists():
        sizes_of_files = image_sizes(folder / "images")
        return read_csv(folder / "fixations.csv", sizes=sizes_of_files, points_outside=points_outside)
    if not (folder / "fixations.mat").exists():
        raise RegardError(f"{folder} holds neither fixations.csv nor fixations.mat of OSIE")
    image, subject, x, y, duration = [], [], [], [], []
    order: list[int] = []
    sizes: dict[str, tuple[int, int]] = {}
    for entry in np.atleast_1d(load_mat(folder / "fixations.mat", "fixations")["fixations"]):
        sizes[str(entry.img)] = _SIZE
        for person, viewing in enumerate(np.atleast_1d(entry.subjects)):
            xs = np.atleast_1d(viewing.fix_x)
            image += [str(entry.img)] * len(xs)
            subject += [person] * len(xs)
            order += range(len(xs))
            x += xs.tolist()
            y += np.atleast_1d(viewing.fix_y).tolist()
            duration += np.atleast_1d(viewing.fix_duration).tolist()
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
