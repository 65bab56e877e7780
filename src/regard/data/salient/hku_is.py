"""HKU-IS: 4,447 images, mostly of several salient objects, binary masks (Li and Yu, CVPR 2015)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regard.data.salient.build import Pairs, find_folder, last_as_test, pairs, salient_splits
from regard.data.splits import DataSplits
from regard.types import RegardError

LICENCE = "no explicit licence; for research, with citation"
LISTS = {"train": "trainImgSet", "val": "valImgSet", "test": "testImgSet"}


def hku_is(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
) -> DataSplits:
    """HKU-IS from ``imgs/*.png`` and ``gt/*.png``.

    The split is the official one (2,500 / 500 / 1,447) where its lists ``trainImgSet.mat``, ``valImgSet.mat`` and
    ``testImgSet.mat`` lie beside the two folders; without them the last fifth by number is the test split.

    Args:
        root: the folder that holds them, or the one in which it is called ``HKU-IS``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the training images for validation, where there is no official one.
        seed: decides which.
        in_memory: read all images now.
    """
    folder = find_folder(Path(root), "HKU-IS", "hku_is", holds="imgs", name="hku_is")
    found = pairs(folder / "imgs", folder / "gt")
    official = all((folder / f"{name}.mat").exists() for name in LISTS.values())
    groups = (
        {split: _listed(folder / f"{name}.mat", name, found) for split, name in LISTS.items()}
        if official
        else last_as_test(len(found))
    )
    return salient_splits(
        found,
        groups,
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"HKU-IS (Li and Yu 2015), {len(found)} images, {'official' if official else 'own'} split, {folder}",
        licence=LICENCE,
        where=folder,
    )


def _listed(path: Path, variable: str, found: Pairs) -> Tensor:
    """Positions of the images whose names a list holds: a MATLAB cell of strings."""
    from regard.gaze.readers.files import load_mat

    place = {name: k for k, name in enumerate(found)}
    names = [str(name) for name in np.atleast_1d(load_mat(path, variable)[variable]).ravel()]
    unknown = [name for name in names if name not in place]
    if unknown:
        raise RegardError(f"{path}: lists {len(unknown)} images that are not in imgs/, such as {unknown[0]}; add them")
    return torch.tensor([place[name] for name in names])
