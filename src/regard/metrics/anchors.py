"""Use of a quantizer's anchors and the length of a map's code in bits.

The code length says what it costs to send the map alone. It is never added to the latent rate, which already covers
what the map conveys through the latent.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.information import bits
from regard.types import RegardError


def code_length(index: Int[Tensor, "B *grid"], prior: Float[Tensor, " Q"]) -> Float[Tensor, " B"]:
    """Bits to send each map's hard anchor indices under a prior shared by positions: sum of -log2 prior[index].

    Infinite where an anchor is used that the prior excludes.

    Args:
        index: anchor of each position (B,1,h,w).
        prior: probability of each anchor (Q,), sums to 1.

    >>> code_length(torch.zeros(1, 1, 16, 16, dtype=torch.long), torch.full((4,), 0.25)).item()
    512.0
    """
    if (prior < 0).any() or abs(prior.sum().item() - 1) > 1e-3:
        raise RegardError(f"code_length: the prior sums to {prior.sum():g}; give probabilities, not logits")
    _check(index, prior.numel(), "code_length")
    return bits(-prior.float().log())[index.long()].flatten(1).sum(1)


def _check(index: Tensor, anchors: int, where: str) -> None:
    if index.numel() and (index.min() < 0 or index.max() >= anchors):
        raise RegardError(f"{where}: indices {index.min()}..{index.max()} for {anchors} anchors; use 0..{anchors - 1}")


def anchor_counts(index: Int[Tensor, "*any"], anchors: int) -> Int[Tensor, " Q"]:
    """How many positions chose each anchor (Q,); counts of batches and processes add.

    >>> anchor_counts(torch.tensor([0, 2, 2]), 4).tolist()
    [1, 0, 2, 0]
    """
    _check(index, anchors, "anchor_counts")
    return index.flatten().long().bincount(minlength=anchors)


def usage(counts: Int[Tensor, " Q"]) -> Float[Tensor, " Q"]:
    """Share of positions an anchor (Q,), float64; NaN before anything was counted."""
    return counts.cpu().double() / counts.sum().cpu()


def perplexity(counts: Int[Tensor, " Q"]) -> float:
    """Exponential of the entropy of anchor use, in 1..Q: how many equally used anchors would say as much.

    >>> round(perplexity(torch.tensor([5, 5, 0, 0])), 4)
    2.0
    """
    share = usage(counts)
    return torch.special.entr(share).sum().exp().item()


def dead(counts: Int[Tensor, " Q"]) -> int:
    """Anchors that no position chose.

    >>> dead(torch.tensor([5, 5, 0, 0]))
    2
    """
    return int((counts == 0).sum())
