"""Gaze dealt anew, the control of every alignment: as human as before, but on another image."""

from __future__ import annotations

from dataclasses import replace

import torch

from regard.data.counter import permutation
from regard.data.files import FileSplit
from regard.data.splits import Split, TensorSplit
from regard.types import RegardError

_STREAM = 110


def shuffle_gaze(split: Split, *, seed: int) -> Split:
    """The same images with the fixations of another image each; none keeps its own. Labels and masks stay.

    What gaze has in common on all images (its centre, its spread) is kept; that it is on the object is not.

    Args:
        split: with fixations, of at least two images.
        seed: decides whose.

    Raises:
        RegardError: no fixations, or one image.
    """
    if not isinstance(split, TensorSplit | FileSplit) or split.fixations is None or len(split) < 2:
        raise RegardError(f"split {split.name!r}: gaze is shuffled among at least two images with fixations")
    order = permutation(len(split), seed=seed, stream=_STREAM)
    giver = torch.empty_like(order)
    giver[order] = order.roll(1)  # one cycle through all images: nobody keeps the own
    return replace(split, fixations=split.fixations[giver.to(split.fixations.device)])
