"""What every data set opens as: three splits of items that are read by index.

Also how a split is checked, wrapped, and taken at random out of another, each class with its share (stratified).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Int8, Num, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from regard.data.random_counter import permutation
from regard.gaze import Fixations
from regard.types import Batch, RegardError


@runtime_checkable
class Split(Protocol):
    """A part of a data set: items in a fixed order, read by index, always the same."""

    @property
    def name(self) -> str:
        """``train``, ``val`` or ``test``, for messages."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is a position in it."""
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
        """The name a user recognises: the file, or split and number."""
        ...


class ItemDataset(Dataset[tuple[Tensor, Tensor]]):
    """Base of splits: items one by one, for a `DataLoader` or loop of one's own.

    ``split[i]`` is the image (3,H,W), float in [0,1], and its label: a class index, or 0/1 targets (n,). Masks, boxes,
    fixations and flow come with ``batch``.
    """

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([i])[0]

    def __getitems__(self, index: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Several items, read together."""
        count = len(self)  # type: ignore[arg-type]  # of subclasses
        for i in index:
            if not -count <= i < count:
                raise IndexError(f"item {i} of {count}")
        batch: Batch = self.batch([i % count for i in index])  # type: ignore[attr-defined]  # of subclasses
        return list(zip(batch.images, batch.labels, strict=True))


_STRATIFY_STREAM = 200
_OPTIONAL = ("masks", "boxes", "parts", "fixations", "flow")
"""Fields of a split in memory that may be None."""


@dataclass(frozen=True)
class TensorSplit(ItemDataset):
    """A split that lies in memory, on one device.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        images: (N,3,H,W), bytes.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        masks: object masks (N,1,H,W), or None.
        boxes: object boxes (N,4) as x0, y0, x1, y1, or None.
        parts: named points (N,P,3) as x, y, visible, or None.
        fixations: fixations (N,n,2), x, y in pixels, NaN beyond an image's last, or None.
        names: names of the items; None names them by split and number.
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
        for what in ("labels", *_OPTIONAL):
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
        annotations = {name: values[where] for name in _OPTIONAL if (values := getattr(self, name)) is not None}
        if "flow" in annotations:
            annotations["flow"] = annotations["flow"].to(torch.float32).div_(127)
        images = self.images[where].to(torch.float32).div_(255)
        return Batch(images=images, labels=self.labels[where], index=where, split=self.name, **annotations)

    def item_name(self, i: int) -> str:
        """Its entry of ``names``, else split and number."""
        return f"{self.name}/{i}" if self.names is None else self.names[i]

    def to(self, device: torch.device | str) -> TensorSplit:
        """The same split on another device; itself if it lies there already."""
        if self.images.device == torch.empty(0, device=device).device:
            return self
        fields = ("images", "labels", *_OPTIONAL)
        return replace(
            self, **{name: values.to(device) for name in fields if (values := getattr(self, name)) is not None}
        )


@dataclass(frozen=True)
class Member:
    """An item of a split in files: its file (of a clip, perhaps a folder of frames) and, if it has one, its mask's; and
    the names of its classes.
    """

    files: tuple[Path, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class DataSplits:
    """A data set, ready for training and evaluation.

    Attributes:
        train: for learning.
        val: for choices.
        test: for reported results.
        mean: channel means (3,) of the training images in [0,1].
        std: their standard deviations (3,), over all pixels.
        source: where the data comes from, a sentence.
        licence: the terms of use, a sentence.
        mirror: whether a mirrored image keeps its class (digits do not).
        gaze: reads the fixations on the test split: its images in their order, named by their number, in pixels of the
            images that the split returns; None where there is no gaze.
        guesses: name -> classes (N,) predicted for the test items without their images: floors of accuracy.
        remarks: caveats without which a number on this set is misread; shown with every table of it.
        proxy: the set is a substitute for another that is not available; tables say so.
        members: split -> its items, where they lie in files of their own; by these a run knows its splits again.
        where: the folder below which members are named.
        observers: ``learned`` and ``judged``: whose gaze is on train and val, and whose on test, where they differ.
        beside: records of other sets that are used with this one, where a run has them.
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
    members: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)
    where: Path = Path()
    observers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_parts(
        cls,
        parts: Mapping[str, Split],
        *,
        statistics_images: int = 10_000,
        gaze: Fixations | Callable[[], Fixations] | None = None,
        **facts: Any,
    ) -> DataSplits:
        """From splits by name, with the statistics of at most ``statistics_images`` training images; others by name."""
        mean, std = pixel_statistics(parts["train"], limit=statistics_images)
        reader = partial(_identity, gaze) if isinstance(gaze, Fixations) else gaze
        return cls(parts["train"], parts["val"], parts["test"], mean=mean, std=std, gaze=reader, **facts)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.train.classes

    def called(self, name: str) -> str:
        """The set's name in tables."""
        return f"{name} (proxy)" if self.proxy else name


def _identity(table: Fixations) -> Fixations:
    return table


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


def label_names(labels: Num[Tensor, "N *n"], classes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The names of each item's classes.

    >>> label_names(torch.tensor([1, 0]), ("cat", "dog"))
    [('dog',), ('cat',)]
    """
    if labels.ndim == 1:
        return [(classes[k],) for k in labels.tolist()]
    return [tuple(classes[k] for k in row.nonzero()[:, 0].tolist()) for row in labels]


def evenly_spaced(count: int, most: int) -> Int[Tensor, " n"]:
    """Positions of at most ``most`` of ``count`` items, evenly spaced, the first and the last among them.

    Sets are often sorted by class: their first items would be of one class.

    >>> evenly_spaced(9, 3).tolist()
    [0, 4, 8]
    """
    return torch.arange(count) if count <= most else torch.linspace(0, count - 1, most).long()


def stratified(labels: Num[Tensor, "N *n"], shares: tuple[float, ...], *, seed: int) -> tuple[Int[Tensor, " M"], ...]:
    """Positions of the rest, then of one part for each share; disjoint, each in ascending order.

    Each class gives round(share * its number) to each part, and at least one where it has more items than there are
    parts. Multi-label targets are split without regard to classes: their combinations are too many to stratify.

    Args:
        labels: class index (N,) or multi-label targets (N,n).
        shares: share of each part, in (0, 1), together below 1.
        seed: decides which items; the same items for the same labels and seed.
    """
    if min(shares) <= 0 or sum(shares) >= 1:
        raise RegardError(f"shares {shares} of a split must be positive and leave something: together below 1")
    groups = labels if labels.dim() == 1 else torch.zeros(len(labels))
    order = permutation(len(labels), seed=seed, stream=_STRATIFY_STREAM)
    rest: list[Tensor] = []
    parts: list[list[Tensor]] = [[] for _ in shares]
    for value in groups.unique():
        own = order[groups[order] == value]
        least = int(len(own) > len(shares))
        start = 0
        for part, share in zip(parts, shares, strict=True):
            end = start + max(least, round(share * len(own)))
            part.append(own[start:end])
            start = end
        rest.append(own[start:])
    return tuple(torch.cat(group).sort().values for group in (rest, *parts))


def complete(
    groups: Mapping[str, Int[Tensor, " _"]],
    labels: Num[Tensor, "N *n"],
    shares: Mapping[str, float],
    *,
    seed: int,
    where: Path,
) -> dict[str, Int[Tensor, " _"]]:
    """Positions of every split: the given ones; missing ones are taken from ``train``, each class in proportion.

    ``shares`` names the splits besides ``train`` and what each takes of it where it is absent or empty in ``groups``;
    ``labels`` are those of all items, ``where`` is the file or folder that errors name.

    Raises:
        RegardError: a split is left without an item.
    """
    groups, own = dict(groups), groups["train"]
    missing = {name: share for name, share in shares.items() if not len(groups.get(name, ()))}
    if missing and len(own):
        parts = stratified(labels[own], tuple(missing.values()), seed=seed)
        groups |= {name: own[part] for name, part in zip(("train", *missing), parts, strict=True)}
    for name in ("train", *shares):
        if not len(groups.get(name, ())):
            raise RegardError(f"{where}: no image for {name!r} among {len(labels)}; add some or change the shares")
    return groups


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
        readable = [part for part in parts if len(part)]
        return torch.cat(readable) if readable else parts[0]


@dataclass(frozen=True)
class Problem:
    """An item that cannot be used.

    Attributes:
        split: name of its split.
        index: its position there.
        item: its name, for a file its path.
        reason: what is wrong and what to do.
    """

    split: str
    index: int
    item: str
    reason: str


def check_split(split: Split, *, threads: int = 4) -> list[Problem]:
    """Read every item once and return the bad ones, in order; an empty list if all are good."""

    def problem(i: int) -> Problem | None:
        try:
            split.batch([i])
        except RegardError as error:
            return Problem(split.name, i, split.item_name(i), str(error))
        return None

    with ThreadPoolExecutor(threads) as pool:
        return [bad for bad in pool.map(problem, range(len(split))) if bad is not None]


class SplitWrapper(ItemDataset):
    """Base of splits that wrap another: name, classes, labels and length are the other's; subclasses define ``batch``.

    Attributes:
        split: the wrapped split.
    """

    split: Split

    @property
    def name(self) -> str:
        """That of the wrapped split."""
        return self.split.name

    @property
    def classes(self) -> tuple[str, ...]:
        """That of the wrapped split."""
        return self.split.classes

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """That of the wrapped split."""
        return self.split.labels

    def __len__(self) -> int:
        return len(self.split)

    def item_name(self, i: int) -> str:
        """That of the wrapped split."""
        return self.split.item_name(i)


class SplitExtension(SplitWrapper):
    """A wrapper whose batches have further fields, with all attributes of the wrapped split."""

    def __getattr__(self, name: str) -> Any:
        if name in vars(type(self)).get("__dataclass_fields__", {}) or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.split, name)
