"""Splits whose images were changed; labels and order are those of the split behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Num
from torch import Tensor

from regard.data import InFront, Split
from regard.metrics import batch_masks, controls
from regard.types import Batch, RegardError


@dataclass(frozen=True)
class Changed(InFront):
    """A split seen through a function of its batches.

    Attributes:
        split: what is changed.
        change: batch -> batch, of the same items.
        count: only the first so many items.
    """

    split: Split
    change: Callable[[Batch], Batch]
    count: int

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """Of the split."""
        return self.split.labels[: self.count]

    def __len__(self) -> int:
        return self.count

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items, changed."""
        return self.change(self.split.batch(index))


def on_other_grounds(split: Split, *, seed: int) -> Callable[[Batch], Batch]:
    """Puts each object on another image of the split: what lies outside its mask (else its box) is that image's.

    The other image's own object may show there. Within a box some of the own ground stays.

    Raises:
        RegardError: the split has neither masks nor boxes.
    """
    if batch_masks(split.batch([0])) is None:
        raise RegardError(f"background: split {split.name!r} has neither masks nor boxes, so nobody knows the ground")
    partner = controls.derangement(len(split), seed=seed)

    def change(batch: Batch) -> Batch:
        masks = batch_masks(batch)
        assert masks is not None
        ground = split.batch(partner[batch.index]).images
        return replace(batch, images=torch.where(masks, batch.images, ground))

    return change
