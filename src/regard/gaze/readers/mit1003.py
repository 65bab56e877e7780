"""MIT1003: 1,003 images, 15 observers, 3 s of free viewing (Judd et al. 2009), from its maps of fixated pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from regard.gaze.build import make_fixations
from regard.gaze.fixations import Fixations
from regard.gaze.readers.files import image_sizes
from regard.types import RegardError


def read_mit1003(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels from ``ALLFIXATIONMAPS``: ``<stem>_fixPts.jpg`` beside ``<stem>_fixMap.jpg``.

    The JPEG of a binary map: pixels above ``threshold`` are fixations. Observers, order and repeated fixations of a
    pixel are lost in it, so there is one subject "all"; pysaliency's HDF5 of MIT1003 keeps them. Images are named by
    their stem.

    Raises:
        RegardError: no such maps, or a map without any fixation.
    """
    names = [name for name in image_sizes(folder) if Path(name).stem.endswith("_fixPts")]
    if not names:
        raise RegardError(f"{folder} has no <stem>_fixPts.jpg: is it ALLFIXATIONMAPS of MIT1003?")
    sizes, image, x, y = {}, [], [], []
    for name in names:
        with Image.open(Path(folder) / name) as file:
            values = np.asarray(file.convert("L"))
        rows, columns = np.nonzero(values > threshold)
        if len(rows) == 0:
            raise RegardError(f"{Path(folder) / name} has no pixel above {threshold}: it is no map of fixations")
        stem = Path(name).stem.removesuffix("_fixPts")
        sizes[stem] = values.shape
        image += [stem] * len(rows)
        x += columns.tolist()
        y += rows.tolist()
    shapes = {name: (int(h), int(w)) for name, (h, w) in sizes.items()}
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=shapes)
