"""Normalized scanpath saliency: the z-score of the map where people looked."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import (
    Convention,
    Maps,
    Points,
    check_convention,
    check_maps,
    constant,
    pixels,
    wide,
)


def nss(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> Float[Tensor, " B"]:
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
    square = torch.linalg.vecdot(centred, centred)
    return z_score(centred, square, constant(maps), *pixels(maps, fixations), convention=convention)


def z_score(
    centred: Float[Tensor, "B hw"],
    square: Float[Tensor, " B"],
    flatland: Bool[Tensor, " B"],
    index: Int[Tensor, "B n"],
    known: Bool[Tensor, "B n"],
    *,
    convention: Convention,
) -> Float[Tensor, " B"]:
    """`nss` of maps less their mean, with the sum of their squares, and which are constant."""
    count = known.sum(1)
    fixated = (centred.gather(1, index) * known).sum(1) / count  # NaN without fixations
    size = centred.shape[1] if convention == "tuebingen" else max(centred.shape[1] - 1, 1)
    std = (torch.where(flatland, torch.ones_like(square), square) / size).sqrt()
    # A constant map's score is set, as rounding leaves its square a little above 0.
    empty = torch.zeros_like(std) if convention == "tuebingen" else torch.full_like(std, torch.nan)
    return torch.where(flatland & (count > 0), empty, fixated / std)
