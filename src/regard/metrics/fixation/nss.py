"""Normalized scanpath saliency: the z-score of the map where people looked."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, pixels
from regard.metrics.rounding import constant, dot, wide
from regard.types import PerImage


def nss(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> PerImage:
    """Mean over fixations of (map - mean) / std, repeated fixations counting. Differentiable.

    It takes fixations: with a blurred density in their place the number is another one (Peters et al. 2005).

    Args:
        maps: (B,1,h,w), any finite values.
        fixations: (B,n,2) in the map's pixels, NaN beyond the last.
        convention: ``tuebingen`` has the std over N pixels and 0 for a constant map; ``mit`` the std over N-1 and NaN.

    Returns:
        (B,), NaN without fixations.

    >>> nss(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]]))
    tensor([1.3416], dtype=torch.float64)
    """
    check_convention(convention)
    flat = wide(check_maps(maps)).flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    freedom = flat.shape[1] if convention == "tuebingen" else max(flat.shape[1] - 1, 1)
    index, known = pixels(maps, fixations)
    variance = dot(centred, centred) / freedom
    return z_score(centred.gather(1, index), known, variance, constant(maps), convention=convention)


def z_score(
    fixated: Float[Tensor, "B n"],
    known: Bool[Tensor, "B n"],
    variance: PerImage,
    constant_maps: Bool[Tensor, " B"],
    *,
    convention: Convention,
) -> PerImage:
    """`nss` from the fixated values less the map's mean, the map's variance, and which maps are constant."""
    count = known.sum(1)
    std = torch.where(constant_maps, torch.ones_like(variance), variance).sqrt()
    # A constant map's score is set, as rounding leaves its variance a little above 0.
    empty = torch.zeros_like(std) if convention == "tuebingen" else torch.full_like(std, torch.nan)
    return torch.where(
        constant_maps & (count > 0), empty, (fixated * known).sum(1) / count / std
    )  # NaN without fixations
