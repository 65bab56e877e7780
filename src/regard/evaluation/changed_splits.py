"""Splits whose images were changed; labels and order are those of the split behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int, Num
from torch import Tensor

from regard.data import DataSplits, Split, SplitWrapper, evenly_spaced
from regard.gaze import Fixations
from regard.metrics import batch_masks, controls
from regard.training import Recipe
from regard.types import Batch, RegardError

TRIED_OUT = 32
"""Test images on which a recipe is tried out."""


@dataclass(frozen=True)
class ChangedSplit(SplitWrapper):
    """A split whose batches go through ``change``: batch -> batch of the same items."""

    split: Split
    change: Callable[[Batch], Batch]

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items, changed."""
        return self.change(self.split.batch(index))


@dataclass(frozen=True)
class PartSplit(SplitWrapper):
    """The items of a split at the positions ``index`` (n,), in this order."""

    split: Split
    index: Int[Tensor, " n"]

    @property
    def labels(self) -> Num[Tensor, "n *c"]:
        """Of what is left."""
        return self.split.labels[self.index]

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items at these positions of what is left."""
        return self.split.batch(self.index[torch.as_tensor(index)])

    def item_name(self, i: int) -> str:
        """Of the split."""
        return self.split.item_name(int(self.index[i]))


def tried_out(recipe: Recipe, data: DataSplits) -> DataSplits:
    """The data with few test images, evenly over all, where the recipe is only tried out (``train.fast_dev_run``).

    Their gaze and guesses are those of these images; a remark says that the numbers mean nothing.
    """
    if not recipe.train.fast_dev_run:
        return data
    index = evenly_spaced(len(data.test), TRIED_OUT)
    read = data.gaze

    def gaze() -> Fixations:
        assert read is not None
        every = read()
        return every.select(images=[every.images[i] for i in index.tolist()])

    remark = f"Tried out (train.fast_dev_run): one step of training, {len(index)} test images: no result."
    return replace(
        data,
        test=PartSplit(data.test, index),
        gaze=None if read is None else gaze,
        guesses={name: guess[index] for name, guess in data.guesses.items()},
        remarks=(*data.remarks, remark),
    )


def on_other_grounds(split: Split, *, seed: int) -> Callable[[Batch], Batch]:
    """Puts each object on another image of the split: what lies outside its mask (else its box) is that image's.

    The other image's own object may be visible there, and within a box some of the own background stays.

    Raises:
        RegardError: the split has neither masks nor boxes.
    """
    if batch_masks(split.batch([0])) is None:
        raise RegardError(
            f"background: split {split.name!r} has neither masks nor boxes, so the background is not known"
        )
    partner = controls.derangement(len(split), seed=seed)

    def change(batch: Batch) -> Batch:
        masks = batch_masks(batch)
        assert masks is not None
        ground = split.batch(partner[batch.index]).images
        return replace(batch, images=torch.where(masks, batch.images, ground))

    return change
