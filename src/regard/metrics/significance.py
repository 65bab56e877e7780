"""Is one model better than another on the same images: permutation test, corrected for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError

_P = TypeVar("_P", bound=float | None)


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


def corrected(p: Sequence[_P], method: Literal["holm", "fdr_bh"] = "holm") -> list[_P]:
    """P values corrected for their number, in their order; None and NaN (no test was possible) stay and do not
    count.

    Args:
        p: p values.
        method: ``holm`` (Holm 1979), or ``fdr_bh`` (Benjamini and Hochberg 1995).

    >>> corrected([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    from statsmodels.stats.multitest import multipletests

    tested = [x for x in p if x is not None and not math.isnan(x)]
    adjusted: Iterator[Any] = iter(multipletests(tested, method=method)[1].tolist() if tested else ())
    return [x if x is None or math.isnan(x) else float(next(adjusted)) for x in p]
