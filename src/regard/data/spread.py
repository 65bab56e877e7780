"""Some items of many, evenly over all of them."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def spread(count: int, most: int) -> Int[Tensor, " n"]:
    """Positions of at most ``most`` of ``count`` items, evenly over all, the first and the last among them.

    Sets are often sorted by class: their first items would be of one class.
    """
    return torch.arange(count) if count <= most else torch.linspace(0, count - 1, most).long()
