"""DUTS: 10,553 training and 5,019 test images with binary masks, the usual training set (Wang et al., CVPR 2017)."""

from __future__ import annotations

from pathlib import Path

import torch

from regard.data.salient.build import find_folder, pairs, salient_splits
from regard.data.splits import DataSplits
from regard.types import RegardError

LICENCE = "no explicit licence (images of ImageNet and SUN); for research, with citation"
_PARTS = ("DUTS-TR", "DUTS-TE")


def duts(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
) -> DataSplits:
    """DUTS from ``DUTS-TR/DUTS-TR-{Image,Mask}`` and ``DUTS-TE/DUTS-TE-{Image,Mask}``; the split is the official one.

    Args:
        root: the folder that holds the two, or the one in which it is called ``DUTS``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the training images for validation.
        seed: decides which.
        in_memory: read all images now.
    """
    folder = find_folder(Path(root), "DUTS", "duts", holds="DUTS-TR", name="duts")
    train, test = (pairs(folder / part / f"{part}-Image", folder / part / f"{part}-Mask") for part in _PARTS)
    if set(train) & set(test):
        raise RegardError(f"{folder}: {min(set(train) & set(test))} lies in DUTS-TR and in DUTS-TE; remove one")
    groups = {"train": torch.arange(len(train)), "test": torch.arange(len(train), len(train) + len(test))}
    return salient_splits(
        train | test,
        groups,
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"DUTS (Wang et al. 2017), {len(train)} and {len(test)} images, {folder}",
        licence=LICENCE,
        where=folder,
    )
