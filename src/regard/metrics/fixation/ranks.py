"""A map against a density by order alone: Spearman's correlation, overlap of the top pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.distribution import cc
from regard.metrics.fixation.inputs import Maps, check_maps, check_pair, wide
from regard.types import RegardError


def spearman(maps: Maps, gold: Maps) -> Float[Tensor, " B"]:
    """Pearson's correlation of midranks over pixels.

    Args:
        maps: (B,1,h,w), any finite values.
        gold: (B,1,h,w) on the same grid.

    Returns:
        (B,) in [-1,1], NaN if either is constant.
    """
    check_pair(maps, gold)
    return cc(_midranks(check_maps(maps.detach())), _midranks(check_maps(gold.detach(), "gold maps")))


def top_iou(maps: Maps, gold: Maps, *, share: float = 0.2) -> Float[Tensor, " B"]:
    """Intersection over union of the highest pixels of both.

    Each map's top holds ``share`` of its pixels; pixels tied at the threshold are in it by equal fractions, so that no
    order of the pixels decides. IoU of fractional sets: sum of minima over sum of maxima. A constant map is in the top
    everywhere by ``share``; two such agree fully.

    Args:
        maps: (B,1,h,w), any finite values.
        gold: (B,1,h,w) on the same grid.
        share: of the pixels, in (0,1).

    Returns:
        (B,) in [0,1]; about share / (2 - share) for unrelated maps.
    """
    if not 0 < share < 1:
        raise RegardError(f"share must be between 0 and 1, not {share}: .2 is the top fifth of the pixels")
    check_pair(maps, gold)
    a, b = _top(check_maps(maps.detach()), share), _top(check_maps(gold.detach(), "gold maps"), share)
    return torch.minimum(a, b).sum(1) / torch.maximum(a, b).sum(1)


def _midranks(maps: Tensor) -> Tensor:
    """Mean rank of each pixel among the pixels of its map (B,1,h,w), from 1."""
    out = torch.empty(maps.shape, dtype=wide(maps).dtype, device=maps.device)
    for values, ranks in zip(maps.flatten(1), out.flatten(1), strict=True):
        _, group, size = values.unique(return_inverse=True, return_counts=True)
        ranks.copy_((wide(size.cumsum(0)) - (wide(size) - 1) / 2)[group])
    return out


def _top(maps: Tensor, share: float) -> Float[Tensor, "B hw"]:
    """Membership of each pixel in its map's top."""
    flat = maps.flatten(1)
    quota = share * flat.shape[1]
    whole = min(int(quota), flat.shape[1] - 1)
    threshold = flat.kthvalue(flat.shape[1] - whole, dim=1, keepdim=True).values
    above, tied = flat > threshold, flat == threshold
    left = (quota - wide(above.sum(1, keepdim=True))) / wide(tied.sum(1, keepdim=True))
    return wide(above) + left * wide(tied)
