"""Values of one map in the order of another: what is compared then differs in place alone."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.controls import blurred_noise
from regard.types import RegardError


def rank_matched(
    order: Float[Tensor, "B 1 h w"], like: Float[Tensor, "B 1 h w"], *, index: Int[Tensor, " B"], seed: int = 0
) -> Float[Tensor, "B 1 h w"]:
    """Exactly the values of ``like``, the largest where ``order`` is largest; ties of ``order`` are broken by chance.

    Args:
        order: says where.
        like: says which values; on the same grid.
        index: of each image in its split (B,).
        seed: with the index it decides ties.

    >>> rank_matched(torch.tensor([[[[3.0, 1.0, 2.0]]]]), torch.tensor([[[[0.0, 0.5, 0.1]]]]), index=torch.tensor([0]))
    tensor([[[[0.5000, 0.0000, 0.1000]]]])
    """
    if order.shape != like.shape:
        raise RegardError(f"rank_matched: maps are {tuple(order.shape)} and {tuple(like.shape)}; give one grid")
    chance = blurred_noise((order.shape[2], order.shape[3]), 0, index=index.cpu(), seed=seed).values
    cells = chance.flatten(1).argsort(1).to(order.device)
    ascending = cells.gather(1, order.flatten(1).gather(1, cells).argsort(dim=1, stable=True))
    values = like.flatten(1).sort(1).values
    return torch.zeros_like(values).scatter(1, ascending, values).view_as(like)
