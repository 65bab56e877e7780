"""CIFAR-10 in mosaics of 2 x 2 tiles: one is an animal, whose class is asked; the other three are vehicles.

Where the animal is has to be found: each of the four places is as likely, and the vehicles say nothing of the class. A
quarter of the pixels is enough, if it is the right one. Tiles of train, val and test are those of the source's splits.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from regard.data.cifar10_jpeg import cifar10_jpeg
from regard.data.random_counter import permutation, uniforms
from regard.data.splits import DataSplits, TensorSplit
from regard.data.torchvision_sets import CIFAR10_CLASSES, torchvision_set
from regard.types import RegardError

MOSAIC_CLASSES = ("bird", "cat", "deer", "dog", "frog", "horse")
"""What is asked; airplane, automobile, ship and truck fill the other tiles."""
_STREAMS = {"train": 600, "val": 601, "test": 602}
_SIDE = 32


def cifar10_mosaics(
    root: str | Path,
    *,
    source: str = "cifar10_jpeg",
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> DataSplits:
    """Mosaics of 64 x 64 pixels, one for each animal; mosaic i of a split depends on (seed, split, i) only.

    Args:
        root: folder of the source, see `cifar10_jpeg` or ``cifar10``.
        source: which copy of CIFAR-10: ``cifar10_jpeg`` or ``cifar10``.
        train: number of mosaics, a random part of the split; all of them by default.
        val: likewise.
        test: likewise.
        seed: decides places, the other tiles, and which training images are for validation.

    Returns:
        In-memory splits whose masks and boxes are the animal's tile.

    Raises:
        RegardError: another source, or a number below 1.
    """
    if source not in ("cifar10_jpeg", "cifar10"):
        raise RegardError(f"cifar10_mosaics: source={source!r}; cifar10_jpeg or cifar10")
    counts = {"train": train, "val": val, "test": test}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise RegardError(f"cifar10_mosaics: {name}={count}; use at least 1, or leave it out for all")
    tiles = cifar10_jpeg(root, seed=seed) if source == "cifar10_jpeg" else torchvision_set("cifar10", root, seed=seed)
    parts = {}
    for name, count in counts.items():
        split = getattr(tiles, name)
        assert isinstance(split, TensorSplit), "both sources lie in memory"
        parts[name] = _mosaics(split, count, seed)
    return DataSplits.of_parts(
        parts, source=f"2x2 mosaics of {tiles.source}", licence=tiles.licence, statistics_images=500, mirror=True
    )


def _mosaics(split: TensorSplit, count: int | None, seed: int) -> TensorSplit:
    asked = torch.tensor([CIFAR10_CLASSES.index(name) for name in MOSAIC_CLASSES])
    is_asked = torch.isin(split.labels, asked)
    animals, others = is_asked.nonzero()[:, 0], (~is_asked).nonzero()[:, 0]
    animals = animals[permutation(len(animals), seed=seed, stream=_STREAMS[split.name])][:count]
    drawn = uniforms(torch.arange(len(animals)), 4, seed=seed, stream=_STREAMS[split.name] + 10)
    place = (4 * drawn[:, 0]).long()
    fillers = others[(len(others) * drawn[:, 1:]).long()]  # (N,3)
    number = torch.arange(4)
    before = number - (number > place[:, None]).long()  # which filler a place takes, where it has not the animal
    chosen = torch.where(number == place[:, None], animals[:, None], fillers.gather(1, before.clamp(max=2)))
    images = split.images[chosen.flatten()].view(-1, 2, 2, 3, _SIDE, _SIDE)
    images = images.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, 2 * _SIDE, 2 * _SIDE)
    top, left = _SIDE * (place // 2), _SIDE * (place % 2)
    boxes = torch.stack([left, top, left + _SIDE, top + _SIDE], 1).float()
    labels = (split.labels[animals][:, None] == asked).long().argmax(1)
    masks = _tiles(number == place[:, None])
    return TensorSplit(split.name, MOSAIC_CLASSES, images, labels, masks=masks, boxes=boxes)


def _tiles(on: Tensor) -> Tensor:
    """Whether each of four tiles is on (N,4) -> a mask of pixels (N,1,64,64)."""
    return on.view(-1, 1, 2, 2).repeat_interleave(_SIDE, 2).repeat_interleave(_SIDE, 3)
