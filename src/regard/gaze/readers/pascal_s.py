"""PASCAL-S: 850 images, 12 observers, 2 s of free viewing, 40,314 fixations (Li et al. 2014)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.files import image_sizes
from regard.gaze.fixations import Fixations, Outside, make_fixations
from regard.types import RegardError


def read_pascal_s(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """PASCAL-S from the folder ``datasets`` of salObj.zip (needs h5py: ``pip install regard[gaze]``).

    ``fixations/pascalFix.mat`` is HDF5 (v7.3): ``fixCell[0, i]`` is 3xN with rows y, x, subject, counted from 1, for
    image ``imgs/pascal/{i+1}.jpg``; images sort by number. One is taken off x and y.

    Raises:
        RegardError: a missing or corrupt file, another number of images than of cells, invalid coordinates.
    """
    import h5py

    folder = Path(folder)
    sizes = image_sizes(folder / "imgs" / "pascal")
    path = folder / "fixations" / "pascalFix.mat"
    try:
        with h5py.File(path, "r") as file:
            cells = [np.asarray(file[reference]) for reference in file["fixCell"][0]]
    except (OSError, KeyError) as error:
        raise RegardError(f"cannot read fixCell of {path}: {error}") from error
    if len(cells) != len(sizes):
        raise RegardError(f"{path} has {len(cells)} images, {folder / 'imgs' / 'pascal'} has {len(sizes)}")
    cells = [cell if cell.ndim == 2 and len(cell) == 3 else np.empty((3, 0)) for cell in cells]  # empty: MATLAB's size
    count = [cell.shape[1] for cell in cells]
    y, x, subject = np.concatenate(cells, axis=1)
    return make_fixations(
        image=np.repeat(np.array(list(sizes), dtype=object), count),
        subject=subject.astype(np.int64),
        x=x - 1,
        y=y - 1,
        sizes=sizes,
        points_outside=points_outside,
    )
