"""The worlds in which metrics are graded: a trained network in which exclusion is proved, and a set of its images.

A world is one network, trained from its own random start, and one set of images that it is graded on: images like
those it was trained on, or changed ones, on which it uses something else (`SetName`). So every network makes two
worlds; those of one kind differ by seed: weights, order of training and images. Networks, not worlds, are independent,
so intervals resample networks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.attention import Places
from regard.data import Split, open_data
from regard.truth.cues import CueName, Planted, plant
from regard.types import RegardError

SIZE, PATCH = 24, 4
MOST_TRAIN, MOST_TEST = 3000, 400
"""Images of a network, at most."""
SetName = Literal["own", "distractors", "conflict", "grey"]
"""``own``: as in training. ``distractors``: three fragments of other digits instead of one. ``conflict``: the cue is
that of the next class, on all images. ``grey``: without colour."""


@dataclass(frozen=True)
class WorldKind:
    """What the worlds of a kind have in common.

    Attributes:
        title: in words.
        data: a name of `regard.data.open`.
        options: of the data set; those of `clutter` get the world's seed.
        places: where patches are bought: where a glance says, or at fixed places, a cut on the input.
        bought: patches of 36.
        cue: a shortcut that is planted.
        second: the set of images beside ``own``.
        epochs: of training.
        classes: the first so many; None for all.
    """

    title: str
    data: str
    options: Mapping[str, Any] = field(default_factory=dict)
    places: Places = "learned"
    bought: int = 9
    cue: CueName = "none"
    second: SetName = "conflict"
    epochs: int = 7
    classes: int | None = None

    @property
    def needs_folder(self) -> bool:
        """Whether the data are not generated."""
        return self.data != "clutter"


_CLUTTER = {"size": SIZE, "distractors": 1, "side": (0.7, 0.8), "val": 10}
_BIRDS = {"size": SIZE, "crop": True, "gaze": False}
WORLD_KINDS: Mapping[str, WorldKind] = {
    "clutter": WorldKind("digits in clutter", "clutter", _CLUTTER, second="distractors"),
    "clutter_cut": WorldKind("digits, fixed cut", "clutter", _CLUTTER, places="grid", second="distractors"),
    "background": WorldKind("digits, background tells the class", "clutter", _CLUTTER, cue="background"),
    "mark": WorldKind("digits, a mark tells the class", "clutter", _CLUTTER, cue="mark"),
    "cifar10": WorldKind("CIFAR-10", "cifar10_jpeg", second="grey"),
    "cifar10_cut": WorldKind("CIFAR-10, fixed cut", "cifar10_jpeg", places="center", bought=16, second="grey"),
    "birds": WorldKind("birds", "cub", _BIRDS, epochs=30, classes=10, second="grey"),
    "birds_cue": WorldKind("birds, a tint tells the class", "cub", _BIRDS, epochs=30, classes=10, cue="background"),
}
"""Name -> kind of world."""


def available_kinds() -> tuple[str, ...]:
    """The kinds whose data are at hand: those of real images need the folder that ``REGARD_DATA`` names."""
    there = bool(os.environ.get("REGARD_DATA"))
    return tuple(name for name, kind in WORLD_KINDS.items() if there or not kind.needs_folder)


def find_kind(name: str) -> WorldKind:
    """The kind of this name.

    Raises:
        RegardError: there is none.
    """
    if name not in WORLD_KINDS:
        raise RegardError(f"no kind of world {name!r}; one of {', '.join(WORLD_KINDS)}")
    return WORLD_KINDS[name]


@dataclass(frozen=True)
class WorldData:
    """The images of a network.

    Attributes:
        train: with the cue, if one is planted.
        train_labels: (N,).
        sets: name -> test images; in ``own`` the cue agrees with the label as often as in training.
        labels: of the test images (M,), the same in all sets.
        agreeing: the test images with the cue of their own class for all; None without a cue.
        classes: n.
    """

    train: Planted
    train_labels: Int[Tensor, " N"]
    sets: Mapping[SetName, Planted]
    labels: Int[Tensor, " M"]
    agreeing: Float[Tensor, "M C H W"] | None
    classes: int


def world_data(kind: WorldKind, seed: int, *, train: int = MOST_TRAIN, test: int = MOST_TEST) -> WorldData:
    """Opens, subsets and plants the images of one network; the seed decides which.

    Raises:
        RegardError: the data are not at hand.
    """
    clutter = kind.data == "clutter"
    made: dict[str, Any] = {"seed": seed, "train": train, "test": test, "cache": False} if clutter else {}
    splits = open_data(kind.data, None, **kind.options, **made)
    classes = kind.classes or len(splits.train.classes)
    images, labels, masks = _subset(splits.train, classes, train, 10 * seed)
    how: dict[str, Any] = {"classes": classes, "patch": PATCH}
    seen = plant(images, labels, masks, kind.cue, seed=10 * seed, **how)
    train_labels = labels
    images, labels, masks = _subset(splits.test, classes, test, 10 * seed + 1)
    own = plant(images, labels, masks, kind.cue, seed=10 * seed + 1, **how)
    agreeing: Tensor | None = None
    if kind.cue != "none":
        sure = {"agreement": 1.0, "seed": 10 * seed + 1, **how}
        agreeing = plant(images, labels, masks, kind.cue, **sure).images
        changed = plant(images, (labels + 1) % classes, masks, kind.cue, **sure)
    elif kind.second == "distractors":
        harder = open_data(kind.data, None, **{**kind.options, **made, "train": 1, "distractors": 3})
        changed = replace(own, images=_subset(harder.test, classes, test, 10 * seed + 1)[0])
    else:
        changed = replace(own, images=own.images.mean(1, keepdim=True).expand_as(own.images).contiguous())
    return WorldData(seen, train_labels, {"own": own, kind.second: changed}, labels, agreeing, classes)


def _subset(split: Split, classes: int, most: int, seed: int) -> tuple[Tensor, Tensor, Bool[Tensor, "N 1 H W"] | None]:
    rows = (torch.as_tensor(split.labels) < classes).nonzero()[:, 0]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:most]]
    batch = split.batch(rows)
    return _sized(batch.images.float()), batch.labels, batch.masks


def _sized(images: Tensor) -> Tensor:
    """The images in the size of all worlds; only CIFAR-10 has another."""
    if images.shape[-1] == SIZE:
        return images
    return F.interpolate(images, size=(SIZE, SIZE), mode="bilinear", align_corners=False).clamp(0, 1)
