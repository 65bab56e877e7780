"""SALICON: mouse movements (not gaze) of online observers on 15,000 images of MS COCO (Jiang et al. 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from regard.gaze.files import load_mat
from regard.gaze.fixations import Fixations, Outside, make_fixations, natural
from regard.types import RegardError


def read_salicon(
    folder: str | Path,
    *,
    edition: Literal["2015", "2017"],
    columns: Literal["fixations", "location"] = "fixations",
    points_outside: Outside = "raise",
) -> Fixations:
    """SALICON from a folder of ``.mat`` files, one an image: image, resolution, gaze{location, timestamp, fixations}.

    Args:
        folder: ``fixations/train`` or ``fixations/val``.
        edition: 2015 and 2017 detected fixations differently under the same file names; the files do not say which,
            so the caller must. It becomes part of the subjects' names, so that the two never mix unnoticed.
        columns: ``fixations`` as detected by the authors, or ``location``, the mouse's raw samples, which the 2017
            edition records beyond the image's border, too.
        points_outside: see ``make_fixations``.

    Coordinates are counted from 1; one is taken off. Images are named by ``image`` with ``.jpg``.

    Raises:
        RegardError: no or corrupt files, or invalid coordinates.
    """
    if edition not in ("2015", "2017") or columns not in ("fixations", "location"):
        raise RegardError(
            f"SALICON has editions 2015 and 2017, columns fixations and location: not {edition}, {columns}"
        )
    paths = sorted(Path(folder).glob("*.mat"), key=lambda p: natural(p.name))
    if not paths:
        raise RegardError(f"{folder} has no .mat files of SALICON")
    sizes, image, subject, rows = {}, [], [], []
    for path in paths:
        content = load_mat(path, "image", "resolution", "gaze")
        name = f"{content['image']}.jpg"
        h, w = (int(v) for v in content["resolution"])
        sizes[name] = (h, w)
        for person, gaze in enumerate(np.atleast_1d(content["gaze"])):
            xy = np.asarray(getattr(gaze, columns), dtype=np.float64).reshape(-1, 2)
            image += [name] * len(xy)
            subject += [f"{edition}-{person}"] * len(xy)
            rows.append(xy - 1)
    x, y = np.concatenate(rows).T
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=sizes, points_outside=points_outside)
