"""Batches of a split, in an order and with an augmentation that depend on (seed, epoch, sample) only.

`JointLoader` joins batches of two sets: images with labels, and images with gaze.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from regard.data.augment import Augmentation
from regard.data.random_counter import permutation
from regard.data.splits import Split, TensorSplit
from regard.data.transforms import transform_batch
from regard.types import Batch, RegardError

_STREAM = 100
_EPOCHS_PER_EPOCH = 1 << 20
"""Upper bound of the epochs of a gaze set within one epoch of the task, so that their orders never repeat."""


@dataclass(frozen=True)
class Loader:
    """An iterable of batches; see :func:`loader`."""

    split: Split
    batch_size: int
    order: Int[Tensor, " N"]
    seed: int
    epoch: int
    augment: Augmentation | None
    device: torch.device
    num_workers: int
    drop_last: bool
    rank: int
    world: int

    def batches(self) -> list[Int[Tensor, " B"]]:
        """Sample indices of this process's batches."""
        if not self.drop_last:
            return list(self.order.split(self.batch_size)[self.rank :: self.world])
        share = self.batch_size * self.world
        whole = len(self.order) - len(self.order) % share
        return [part[self.rank :: self.world] for part in self.order[:whole].split(share)] if whole else []

    def __len__(self) -> int:
        if self.drop_last:
            return len(self.order) // (self.batch_size * self.world)
        return len(range(self.rank, -(-len(self.order) // self.batch_size), self.world))

    def __iter__(self) -> Iterator[Batch]:
        parts, augment = self.batches(), self.augment
        if isinstance(self.split, TensorSplit):
            split = self.split.to(self.device)
            # move the indices of all batches in one transfer: a small one per batch would stall an accelerator
            indices = torch.cat(parts or [self.order[:0]]).to(split.images.device)
            batches: Iterator[Batch] = map(split.batch, indices.split([len(part) for part in parts]))
        elif self.num_workers:
            batches = (batch.to(self.device) for batch in self._workers(parts))
            if augment is not None:  # workers have transformed them
                augment = replace(augment, transforms=())
        else:
            batches = (self.split.batch(part).to(self.device) for part in parts)
        for batch in batches:
            yield batch if augment is None else augment(batch, seed=self.seed, epoch=self.epoch)

    def _workers(self, parts: list[Tensor]) -> Iterator[Batch]:
        fetched = DataLoader(
            _Reader(self, parts),
            batch_size=None,
            shuffle=False,
            num_workers=self.num_workers,
            pin_memory=self.device.type == "cuda",
        )
        for item in fetched:
            if isinstance(item, str):
                raise RegardError(item)
            yield Batch(**item)


class _Reader(Dataset[dict[str, Any] | str]):
    """Reads whole batches in worker processes; a bad item is returned as its message, without a worker's traceback."""

    def __init__(self, of: Loader, parts: list[Tensor]) -> None:
        self.split, self.seed, self.epoch, self.parts = of.split, of.seed, of.epoch, parts
        self.transforms = () if of.augment is None else of.augment.transforms

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, k: int) -> dict[str, Any] | str:
        try:
            batch = self.split.batch(self.parts[k])
            if self.transforms:
                batch = transform_batch(batch, self.transforms, seed=self.seed, epoch=self.epoch)
            return {name: value for name, value in vars(batch).items() if value is not None}
        except RegardError as error:
            return str(error)


def loader(
    split: Split,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
    epoch: int = 0,
    augment: Augmentation | None = None,
    device: torch.device | str = "cpu",
    num_workers: int = 0,
    drop_last: bool = False,
    rank: int = 0,
    world: int = 1,
) -> Loader:
    """Batches of one epoch; make a new loader for each epoch. Iterating again gives the same batches.

    >>> from regard.data import clutter
    >>> data = clutter(16, 10, 2, 2, cache=False)
    >>> [len(batch.labels) for batch in loader(data.train, 4, shuffle=True, seed=0, epoch=3)]
    [4, 4, 2]

    Args:
        split: a split in memory is moved to ``device`` once and gathered there (move it there yourself with
            ``split.to(device)`` to save that for each epoch); any other is read by worker processes.
        batch_size: samples per batch and process.
        shuffle: a random order, a function of (seed, epoch); otherwise the split's own.
        seed: decides order and augmentation.
        epoch: likewise.
        augment: applied on ``device`` to the whole batch.
        device: of the batches.
        num_workers: processes that read; 0 reads in this one. Not used for splits in memory.
        drop_last: leave out the last incomplete batch (over all processes). Training with ``world`` > 1 needs it, as
            otherwise a process can have one batch fewer than another.
        rank: which of ``world`` processes this is.
        world: number of processes. Batch k of all processes together is the same ``batch_size * world`` samples
            for every division; each sample is in exactly one process's share, none is repeated to fill up.
    """
    if batch_size < 1 or not 0 <= rank < world or num_workers < 0:
        raise RegardError(
            f"loader: batch_size={batch_size}, rank={rank}, world={world}, num_workers={num_workers}; "
            "batch_size must be at least 1, rank from 0 to world - 1, num_workers at least 0"
        )
    order = permutation(len(split), seed=seed, epoch=epoch, stream=_STREAM) if shuffle else torch.arange(len(split))
    return Loader(
        split, batch_size, order, seed, epoch, augment, torch.device(device), num_workers, drop_last, rank, world
    )


@dataclass(frozen=True)
class JointLoader:
    """Every batch of a task, followed by images of a gaze set.

    The task's part equals its own loader's batch, in the same order, so that runs with and without gaze see the same
    images of the task. The gaze set is repeated, each time in another order, as often as an epoch of the task needs.

    Attributes:
        task: the task's loader.
        gaze: a split whose batches have fixations; images of the task's size.
        batch_size: images of it per batch and process.
        seed: decides its order.
        augment: applied to it, as the task's own is to the task's.
    """

    task: Loader
    gaze: Split
    batch_size: int
    seed: int
    augment: Augmentation | None = None

    def __len__(self) -> int:
        return len(self.task)

    def __iter__(self) -> Iterator[Batch]:
        gaze = self._gaze_batches()
        for batch in self.task:
            yield join(batch, next(gaze))

    def _gaze_batches(self) -> Iterator[Batch]:
        world = self.task.world
        if len(self.gaze) < self.batch_size * world:
            raise RegardError(
                f"{len(self.gaze)} images with gaze, fewer than a step's {self.batch_size * world}; lower "
                "align.batch_size"
            )
        for repeat in count():
            yield from loader(
                self.gaze,
                self.batch_size,
                shuffle=True,
                seed=self.seed,
                epoch=self.task.epoch + _EPOCHS_PER_EPOCH * repeat,
                augment=self.augment,
                device=self.task.device,
                drop_last=True,
                rank=self.task.rank,
                world=world,
            )


def join(task: Batch, gaze: Batch) -> Batch:
    """One batch of two: weights are 1 for the task's images and 0 for those with gaze, whose labels are unknown.

    Fixations of the task's images are left out: only the gaze set's count. Indices of its images are
    negative, -1 - i, so that they are never taken for the task's.

    Raises:
        RegardError: images of different sizes, one set with cached stem features and one without, or no fixations.
    """
    if gaze.fixations is None:
        raise RegardError("images with gaze come without fixations; use a set that has them")
    if task.size != gaze.size:
        raise RegardError(
            f"images of the task are {task.size}, those with gaze {gaze.size} (height, width); open the gaze set in "
            "the task's size"
        )
    if (task.stem is None) != (gaze.stem is None):
        raise RegardError("one set has cached stem features, the other not; cache both, or neither")
    own, more = len(task.images), len(gaze.images)

    def padded(values: Tensor | None) -> Tensor | None:
        """The task's values, then zeros for the images with gaze."""
        return None if values is None else torch.cat([values, values.new_zeros(more, *values.shape[1:])])

    weights = torch.ones(own, device=task.images.device) if task.weights is None else task.weights
    none = gaze.fixations.new_full((own, *gaze.fixations.shape[1:]), torch.nan)
    return replace(
        task,
        images=torch.cat([task.images, gaze.images]),
        stem=None if task.stem is None or gaze.stem is None else torch.cat([task.stem, gaze.stem]),
        moved=None,
        labels=F.pad(task.labels, (0, 0) * (task.labels.ndim - 1) + (0, more)),
        index=torch.cat([task.index, -1 - gaze.index]),
        masks=padded(task.masks),
        boxes=padded(task.boxes),
        parts=padded(task.parts),
        fixations=torch.cat([none, gaze.fixations]),
        flow=padded(task.flow),  # photographs do not move
        weights=torch.cat([weights, weights.new_zeros(more)]),
    )
