"""DUT-OMRON: eye fixations of 5 observers on 5,168 images (Yang et al. 2013)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.files import load_mat
from regard.gaze.fixations import Fixations, Outside, make_fixations, natural
from regard.types import RegardError


def read_dut_omron(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """DUT-OMRON from ``DUT-OMRON-eye-fixations/mat/<stem>.mat``; ``folder`` holds the ``.mat`` files.

    Variable ``s`` is Nx3: x, y, subject; row 0 is the image's width and height with subject 0. Images are named
    ``<stem>.jpg``.

    Raises:
        RegardError: no or corrupt files, or invalid coordinates.
    """
    paths = sorted(Path(folder).glob("*.mat"), key=lambda p: natural(p.name))
    if not paths:
        raise RegardError(f"{folder} has no .mat files of DUT-OMRON")
    sizes, image, rows = {}, [], []
    for path in paths:
        s = np.atleast_2d(np.asarray(load_mat(path, "s")["s"], dtype=np.float64))
        if s.shape[1] != 3:
            raise RegardError(f"{path}: s is {s.shape}, not Nx3 with x, y, subject")
        name = f"{path.stem}.jpg"
        sizes[name] = (int(s[0, 1]), int(s[0, 0]))
        image += [name] * (len(s) - 1)
        rows.append(s[1:])
    x, y, subject = np.concatenate(rows).T
    return make_fixations(
        image=image, subject=subject.astype(np.int64), x=x, y=y, sizes=sizes, points_outside=points_outside
    )
