"""Is one model better than another on the same images: permutation test, corrected for many comparisons."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError


def sign_flip_test(a: Float[Tensor, "..."], b: Float[Tensor, "..."], *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value that a and b do not differ, by flipping the signs of their per-image differences.

    Under the null hypothesis an image's two scores could be exchanged. p = (1 + #{|mean flipped| >= |mean|}) /
    (1 + draws), never 0; ties count. Images that are undefined on either side are left out. The interval of the mean
    difference is `regard.metrics.paired_difference`.

    Args:
        a: (N,) scores of one model.
        b: (N,) of the other, same images in the same order.
        draws: random flips.
        seed: decides them.

    Returns:
        p; NaN if no image is defined on both sides.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise RegardError(f"paired scores must be (N,) twice, not {tuple(a.shape)} and {tuple(b.shape)}")
    d = (a.double() - b.double()).cpu()
    d = d[~d.isnan()]
    if d.numel() == 0:
        return float("nan")
    generator = torch.Generator().manual_seed(seed)
    limit, extreme = d.sum().abs() * (1 - 1e-12), 0
    rows = max(1, 2_000_000 // d.numel())
    for start in range(0, draws, rows):
        flips = torch.randint(2, (min(rows, draws - start), d.numel()), generator=generator).double() * 2 - 1
        extreme += int(((flips @ d).abs() >= limit).sum())
    return (1 + extreme) / (1 + draws)


def holm(p: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """p-values adjusted for N comparisons by Holm's step-down (1979): family-wise error kept without independence.

    >>> holm(torch.tensor([0.01, 0.04, 0.03]))
    tensor([0.0300, 0.0600, 0.0600])
    """
    order = p.argsort()
    factor = torch.arange(len(p), 0, -1, device=p.device)
    adjusted = (p[order] * factor).cummax(0).values.clamp(max=1)
    return torch.empty_like(p).scatter_(0, order, adjusted)
