"""Judd's AUC from where each pixel stands among the fixated values."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import wide


def trapezoids(code: Tensor, index: Tensor, known: Tensor, *, unique: bool) -> Float[Tensor, " B"]:
    """Area under the trapezoids from `codes` (B,hw), as a sum over unfixated pixels.

    A pixel p lies between the vertices of the next fixated value above it and of the last one, v, not above it; the
    mean of their hit rates is (hits above p + half of the hits at v) / n, and 1 below all fixated values.
    """
    first, order = _first(index, known)
    at, levels = code.gather(1, index).long(), 2 * index.shape[1] + 1
    zeros = code.new_zeros((len(code), levels), dtype=torch.int64)
    distinct = zeros.scatter_add(1, at.gather(1, order), first.long())
    hits = distinct if unique else zeros.scatter_add(1, at, known.long())
    start = levels * torch.arange(len(code), device=code.device, dtype=code.dtype)
    free = torch.bincount((code + start[:, None]).flatten(), minlength=zeros.numel()).view_as(zeros) - distinct
    above = hits.sum(1, keepdim=True) - hits.cumsum(1)
    level = torch.arange(levels, device=code.device)
    last = torch.where(hits > 0, level, 0).cummax(1).values  # hits[0] is 0 where no fixated value is the minimum
    area = (free * (2 * above + hits.gather(1, last))).sum(1)
    return wide(area) / (2 * wide(hits.sum(1)) * wide(free.sum(1)))


def _first(index: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Which fixations are the first of their pixel, in an order that is given along."""
    ordered, order = torch.where(known, index, -1).sort(1)
    first = ordered >= 0
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    return first, order
