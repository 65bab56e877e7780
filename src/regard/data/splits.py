"""What every data set comes as: three splits of items that are read by index.

Some items of many, evenly over all of them.

Splits that stand in front of another and change its batches alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Int8, Num, UInt8
from torch import Tensor

from regard.gaze import Fixations
from regard.types import Batch, RegardError


def evenly_spaced(count: int, most: int) -> Int[Tensor, " n"]:
    """Positions of at most ``most`` of ``count`` items, evenly over all, the first and the last among them.

    Sets are often sorted by class: their first items would be of one class.
    """
    return torch.arange(count) if count <= most else torch.linspace(0, count - 1, most).long()


@runtime_checkable
class Split(Protocol):
    """A part of a data set: items in a fixed order, read by index, always the same.

    Attributes:
        name: ``train``, ``val`` or ``test``, for messages.
        classes: class names; a label is a position in it.
    """

    @property
    def name(self) -> str:
        """``train``, ``val`` or ``test``."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        ...

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """All labels: class index (N,) long or, for multi-label sets, 0/1 targets (N,n) float."""
        ...

    def __len__(self) -> int: ...

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The items at these positions, images float in [0,1], without augmentation."""
        ...

    def item_name(self, i: int) -> str:
        """What a person would look for: the file, or split and number."""
        ...


@dataclass(frozen=True)
class TensorSplit:
    """A split that lies in memory, on one device.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        images: (N,3,H,W), bytes.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        masks: object masks (N,1,H,W), or None.
        boxes: object boxes (N,4) as x0, y0, x1, y1, or None.
        parts: named points (N,P,3) as x, y, visible, or None.
        fixations: where people looked (N,n,2), x, y in pixels, NaN beyond an image's last, or None.
        names: what the items are called; None names them by split and number.
        flow: optical flow of L steps (N,2L,H,W), signed bytes: `Batch.flow` times 127; None for photographs.
    """

    name: str
    classes: tuple[str, ...]
    images: UInt8[Tensor, "N 3 H W"]
    labels: Num[Tensor, "L *n"]
    masks: Bool[Tensor, "M 1 h w"] | None = None
    boxes: Float[Tensor, "K 4"] | None = None
    parts: Float[Tensor, "J P 3"] | None = None
    fixations: Float[Tensor, "G p 2"] | None = None
    names: tuple[str, ...] | None = None
    flow: Int8[Tensor, "V F y x"] | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.classes, where=f"split {self.name!r}")
        for what in ("labels", "masks", "boxes", "parts", "fixations", "flow"):
            values: Tensor | None = getattr(self, what)
            if values is not None and len(values) != len(self.images):
                raise RegardError(
                    f"split {self.name!r}: {len(values)} {what} for {len(self.images)} images; give one for each image"
                )
        for what in ("masks", "flow"):
            values = getattr(self, what)
            if values is not None and values.shape[-2:] != self.images.shape[-2:]:
                raise RegardError(
                    f"split {self.name!r}: {what} are {tuple(values.shape[-2:])}, images "
                    f"{tuple(self.images.shape[-2:])} (height, width); resize the {what} to the images"
                )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The items at these positions, on the device where the split lies."""
        where = torch.as_tensor(index, dtype=torch.int64, device=self.images.device)
        return Batch(
            images=self.images[where].to(torch.float32).div_(255),
            labels=self.labels[where],
            index=where,
            masks=None if self.masks is None else self.masks[where],
            boxes=None if self.boxes is None else self.boxes[where],
            parts=None if self.parts is None else self.parts[where],
            fixations=None if self.fixations is None else self.fixations[where],
            split=self.name,
            flow=None if self.flow is None else self.flow[where].to(torch.float32).div_(127),
        )

    def item_name(self, i: int) -> str:
        """The name it was given, else split and number."""
        return f"{self.name}/{i}" if self.names is None else self.names[i]

    def to(self, device: torch.device | str) -> TensorSplit:
        """The same split on another device; itself if it lies there already."""
        if self.images.device == torch.empty(0, device=device).device:
            return self
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            masks=None if self.masks is None else self.masks.to(device),
            boxes=None if self.boxes is None else self.boxes.to(device),
            parts=None if self.parts is None else self.parts.to(device),
            fixations=None if self.fixations is None else self.fixations.to(device),
            flow=None if self.flow is None else self.flow.to(device),
        )


@dataclass(frozen=True)
class DataSplits:
    """A data set, ready to train and to judge on.

    Attributes:
        train: what is learned from.
        val: what choices are made on.
        test: what is reported.
        mean: channel means (3,) of the training images in [0,1].
        std: their standard deviations (3,), over all pixels.
        source: where the data comes from, a sentence.
        licence: what may be done with it, a sentence.
        mirror: whether a mirrored image keeps its class (digits do not).
        gaze: reads where people looked on the test split: its images in their order, named by their number, in pixels
            of the images as they come out of it; None where nobody was asked.
        guesses: what can be said of each test item without looking at it: a name -> classes (N,). Floors of accuracy.
        remarks: sentences without which a number on this set is misread; they stand beside every table of it.
        proxy: the set stands in for another that cannot be had: tables call it one.
    """

    train: Split
    val: Split
    test: Split
    mean: Float[Tensor, " 3"]
    std: Float[Tensor, " 3"]
    source: str
    licence: str
    mirror: bool = True
    gaze: Callable[[], Fixations] | None = None
    guesses: Mapping[str, Int[Tensor, " N"]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    proxy: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.train.classes

    def called(self, name: str) -> str:
        """The set's name as tables have it."""
        return f"{name} (proxy)" if self.proxy else name


def check_labels(labels: Tensor, classes: tuple[str, ...], *, where: str) -> None:
    """Raise if a label does not name a class: an index outside, or a target that is neither 0 nor 1."""
    n = len(classes)
    if labels.dim() == 1:
        wrong = (labels < 0) | (labels >= n)
        if labels.is_floating_point() or bool(wrong.any()):
            first = int(wrong.nonzero()[0]) if bool(wrong.any()) else 0
            raise RegardError(
                f"{where}: label {labels[first].item()} of item {first} is not a class index; "
                f"use integers from 0 to {n - 1} ({n} classes)"
            )
    elif labels.dim() != 2 or labels.shape[1] != n or not bool(((labels == 0) | (labels == 1)).all()):
        raise RegardError(
            f"{where}: multi-label targets of shape {tuple(labels.shape)} must be 0 or 1, one for each of {n} classes"
        )


def pixel_statistics(split: Split, *, limit: int = 10_000) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
    """Mean and standard deviation of each channel over all pixels of at most ``limit`` evenly spaced items.

    The two are returned in this order, each (3,), for images in [0,1]; float64 sums. Items that cannot be read are
    left out here, so that `check_split` can name them all; training stops at the first.
    """
    total, square, count = torch.zeros(3).double(), torch.zeros(3).double(), 0
    for part in evenly_spaced(len(split), limit).split(512):
        images = _readable(split, part).double()
        total += images.sum((0, 2, 3)).cpu()
        square += images.square().sum((0, 2, 3)).cpu()
        count += images.numel() // 3
    mean = total / max(count, 1)
    return mean.float(), (square / max(count, 1) - mean.square()).clamp_min(0).sqrt().float()


def _readable(split: Split, index: Tensor) -> Float[Tensor, "B 3 H W"]:
    try:
        return split.batch(index).images
    except RegardError:
        if len(index) == 1:
            return torch.zeros(0, 3, 1, 1)
        parts = [_readable(split, half) for half in index.chunk(2)]
        found = [part for part in parts if len(part)]
        return torch.cat(found) if found else parts[0]


class SplitWrapper:
    """What a split in front of another says of itself is what the other says; ``batch`` is its own.

    Attributes:
        split: the other.
    """

    split: Split

    @property
    def name(self) -> str:
        """Of the split."""
        return self.split.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the split."""
        return self.split.classes

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """Of the split."""
        return self.split.labels

    def __len__(self) -> int:
        return len(self.split)

    def item_name(self, i: int) -> str:
        """Of the split."""
        return self.split.item_name(i)


class SplitExtension(SplitWrapper):
    """A split whose batches say more than those of the other, and that knows all that the other knows."""

    def __getattr__(self, name: str) -> Any:
        if name in vars(type(self)).get("__dataclass_fields__", {}) or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.split, name)
