"""Batches from two sets at once: images whose label is known, and images that people looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from regard.data.augment import Augmentation
from regard.data.loader import Loader, loader
from regard.data.splits import Split
from regard.types import Batch, RegardError

_ROUNDS = 1 << 20  # so many epochs of a small gaze set within one of the task's never meet another's


@dataclass(frozen=True)
class JointLoader:
    """Every batch of a task with images of a gaze set behind it.

    The task's part is what its loader alone would give, in the same order, so that a run with and one without gaze see
    the same images of the task. The gaze set begins anew, in another order, as often as an epoch of the task needs it.

    Attributes:
        task: the task's loader.
        gaze: a split whose batches have fixations; images of the task's size.
        batch_size: images of it a batch and process.
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
        looked = self._looked()
        for batch in self.task:
            yield join(batch, next(looked))

    def _looked(self) -> Iterator[Batch]:
        world, again = self.task.world, 0
        if len(self.gaze) < self.batch_size * world:
            raise RegardError(
                f"{len(self.gaze)} images with gaze, fewer than a step's {self.batch_size * world}; lower "
                "align.batch_size"
            )
        while True:
            yield from loader(
                self.gaze,
                self.batch_size,
                shuffle=True,
                seed=self.seed,
                epoch=self.task.epoch + _ROUNDS * again,
                augment=self.augment,
                device=self.task.device,
                drop_last=True,
                rank=self.task.rank,
                world=world,
            )
            again += 1


def join(task: Batch, gaze: Batch) -> Batch:
    """One batch of two: weights are 1 for the task's images and 0 for those with gaze, whose labels nobody knows.

    Fixations that the task's images may have are left out: what counts is the gaze set's. Indices of its images are
    negative, -1 - i, so that they are never taken for the task's.

    Raises:
        RegardError: images of different sizes, one set with its stem kept and one without, or no fixations.
    """
    if gaze.fixations is None:
        raise RegardError("images with gaze come without fixations; take a set that has them")
    if task.size != gaze.size:
        raise RegardError(
            f"images of the task are {task.size}, those with gaze {gaze.size} (height, width); open the gaze set in "
            "the task's size"
        )
    if (task.stem is None) != (gaze.stem is None):
        raise RegardError("the stem of one set is kept and that of the other not; keep both, or neither")
    count, more = len(task.images), len(gaze.images)

    def behind(values: Tensor | None) -> Tensor | None:
        """The task's values, and zeros for the images with gaze."""
        return None if values is None else torch.cat([values, values.new_zeros(more, *values.shape[1:])])

    known = torch.ones(count, device=task.images.device) if task.weights is None else task.weights
    nobody = gaze.fixations.new_full((count, *gaze.fixations.shape[1:]), torch.nan)
    return replace(
        task,
        images=torch.cat([task.images, gaze.images]),
        stem=None if task.stem is None or gaze.stem is None else torch.cat([task.stem, gaze.stem]),
        moved=None,
        labels=F.pad(task.labels, (0, 0) * (task.labels.ndim - 1) + (0, more)),
        index=torch.cat([task.index, -1 - gaze.index]),
        masks=behind(task.masks),
        boxes=behind(task.boxes),
        parts=behind(task.parts),
        fixations=torch.cat([nobody, gaze.fixations]),
        flow=behind(task.flow),  # a photograph rests
        weights=torch.cat([known, known.new_zeros(more)]),
    )
