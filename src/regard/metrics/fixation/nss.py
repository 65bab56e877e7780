"""Normalized scanpath saliency: the z-score of the map where people looked."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, pixels, wide


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
    index, known = pixels(maps, fixations)
    mean = flat.mean(1)
    count = known.sum(1)
    fixated = (flat.gather(1, index) * known).sum(1) / count
    size = flat.shape[1] if convention == "tuebingen" else flat.shape[1] - 1
    centred = flat - mean[:, None]
    square = torch.linalg.vecdot(centred, centred)
    low, high = flat.detach().aminmax(dim=1)
    flatland = low == high
    std = (torch.where(flatland, torch.ones_like(square), square) / max(size, 1)).sqrt()
    empty = torch.zeros_like(std) if convention == "tuebingen" else torch.full_like(std, torch.nan)
    # 0/0 of the mean keeps images without fixations NaN; a constant map's score is set, not rounded to.
    return torch.where(flatland & (count > 0), empty, (fixated - mean) / std)
