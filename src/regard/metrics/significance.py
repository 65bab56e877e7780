"""Is one model better than another on the same images: permutation test, corrected for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

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


_P = TypeVar("_P", bound=float | None)


def holm(p: Sequence[_P]) -> list[_P]:
    """p-values adjusted for their number by Holm's step-down (1979): family-wise error kept without independence.

    None and NaN, tests that could not be made, stay as they are and are not counted.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    defined = [k for k, value in enumerate(p) if value is not None and not math.isnan(value)]
    adjusted: list[Any] = list(p)
    if defined:
        for k, value in zip(defined, multipletests([p[k] for k in defined], method="holm")[1].tolist(), strict=True):
            adjusted[k] = value
    return adjusted
