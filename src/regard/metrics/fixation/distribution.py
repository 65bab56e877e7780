"""A map against a density of fixations: CC, SIM and KL divergence pixel by pixel, overlap of the top pixels by order.

Formulas and the two conventions: Bylinskii et al. 2019, *What do different evaluation metrics tell us about saliency
models?*; Kuemmerer, Wallis, Bethge 2018 and their pysaliency. Rank correlation is `regard.metrics.spearman`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, check_convention, check_density, check_maps, check_pair
from regard.metrics.rounding import constant, dot, settled, wide
from regard.types import PerImage, RegardError

MIT_EPS = 2.2204e-16
TUEBINGEN_EPS = 1e-20


def cc(maps: Maps, gold: Maps) -> PerImage:
    """Pearson's correlation of map and density over pixels: (B,) in [-1,1], NaN if either is constant. Differentiable.

    Args:
        maps: (B,1,h,w), any finite values.
        gold: (B,1,h,w) density of fixations on the same grid.

    >>> round(cc(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[[0.0, 0], [0, 1]]]])).item(), 4)
    0.7746
    """
    check_pair(maps, gold)
    a, b = _centred(check_maps(maps)), _centred(check_maps(gold, "gold maps"))
    return correlation(dot(a, b), dot(a, a), dot(b, b), constant(maps) | constant(gold))


def correlation(product: Tensor, square_a: Tensor, square_b: Tensor, undefined: Tensor) -> PerImage:
    """`cc` from the three scalar products of the centred maps."""
    return (product / torch.where(undefined, torch.nan, square_a * square_b).sqrt()).clamp(-1, 1)


def sim(maps: Maps, gold: Maps, *, convention: Convention = "tuebingen") -> PerImage:
    """Histogram intersection, the sum over pixels of the smaller of two densities: (B,) in [0,1].

    NaN if either sums to zero (for ``mit``: is constant). Differentiable almost everywhere.

    Args:
        maps: (B,1,h,w), not negative (any finite values for ``mit``).
        gold: (B,1,h,w) density of fixations, not negative.
        convention: ``tuebingen`` divides each by its sum; ``mit`` stretches each to [0,1] first.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> gold = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
    >>> sim(maps, gold).item()
    0.5
    """
    check_convention(convention)
    check_pair(maps, gold)
    if convention == "mit":
        a, b = (_stretched(settled(check_maps(m, what))) for m, what in ((maps, "maps"), (gold, "gold maps")))
    else:
        a, b = (wide(check_density(m, what)).flatten(1) for m, what in ((maps, "maps"), (gold, "gold maps")))
    return torch.minimum(_share(a), _share(b)).sum(1)


def kl_divergence(maps: Maps, gold: Maps, *, convention: Convention = "tuebingen") -> PerImage:
    """KL(gold || map) in nats (B,) >= 0: what coding fixations by the map costs beyond coding them by their own
    density.

    Both are divided by their sums. ``tuebingen``: 1e-20 is added to each before that, then sum G ln(G/P). ``mit``: sum
    G ln(eps + G / (P + eps)), eps = 2.2204e-16. Where the map is 0, eps decides the (finite) height: smooth maps with
    zeros first. NaN if either sums to zero. Differentiable. Maps and gold maps (B,1,h,w) are not negative.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> gold = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
    >>> round(kl_divergence(maps, gold).item(), 4)  # ln 2
    0.6931
    """
    check_convention(convention)
    check_pair(maps, gold)
    p = wide(check_density(maps)).flatten(1)
    g = wide(check_density(gold, "gold maps")).flatten(1)
    empty = (p.detach().sum(1) == 0) | (g.detach().sum(1) == 0)
    if convention == "mit":
        p, g = _share(p), _share(g)
        value = (g * (MIT_EPS + g / (p + MIT_EPS)).log()).sum(1)
    else:
        value = relative_entropy(log_ratio(p, g), p.sum(1, keepdim=True), g.sum(1, keepdim=True), p.shape[1])
    return torch.where(empty, torch.nan, value)


def log_ratio(p: Float[Tensor, "B hw"], g: Float[Tensor, "B hw"]) -> PerImage:
    """Sum over pixels of g ln(g/p), Tuebingen's constant added to both: one logarithm per pixel."""
    p, g = p + TUEBINGEN_EPS, g + TUEBINGEN_EPS
    return dot(g, (g / p).log())


def relative_entropy(
    cross: PerImage, total_p: Float[Tensor, "B 1"], total_g: Float[Tensor, "B 1"], pixels: int
) -> PerImage:
    """Tuebingen's KL from `log_ratio` of unnormalised maps: their sums come in at the end."""
    p, g = (total.squeeze(1) + pixels * TUEBINGEN_EPS for total in (total_p, total_g))
    return cross / g - (g / p).log()


def _centred(maps: Tensor) -> Tensor:
    flat = wide(maps).flatten(1)
    return flat - flat.mean(1, keepdim=True)


def _stretched(maps: Tensor) -> Tensor:
    flat = wide(maps).flatten(1)
    low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    return (flat - low) / (high - low)


def _share(flat: Tensor) -> Tensor:
    return flat / flat.sum(1, keepdim=True)


def top_iou(maps: Maps, gold: Maps, *, share: float = 0.2) -> PerImage:
    """Intersection over union of the highest pixels of both: (B,) in [0,1]; about share / (2 - share) for unrelated
    maps.

    Each map's top holds ``share`` of its pixels; pixels tied at the threshold are in it by equal fractions, so that no
    order of the pixels decides. IoU of fractional sets: sum of minima over sum of maxima. A constant map is in the top
    everywhere by ``share``; two such agree fully.

    Args:
        maps: (B,1,h,w), any finite values.
        gold: (B,1,h,w) on the same grid.
        share: of the pixels, in (0,1).

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> gold = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
    >>> top_iou(maps, gold, share=0.25).item()
    1.0
    """
    if not 0 < share < 1:
        raise RegardError(f"share must be between 0 and 1, not {share}: .2 is the top fifth of the pixels")
    check_pair(maps, gold)
    a, b = (_top(settled(check_maps(m.detach(), what)), share) for m, what in ((maps, "maps"), (gold, "gold maps")))
    return torch.minimum(a, b).sum(1) / torch.maximum(a, b).sum(1)


def _top(maps: Tensor, share: float) -> Float[Tensor, "B hw"]:
    """Membership of each pixel in its map's top."""
    flat = maps.flatten(1)
    quota = share * flat.shape[1]
    whole = min(int(quota), flat.shape[1] - 1)
    threshold = flat.kthvalue(flat.shape[1] - whole, dim=1, keepdim=True).values
    above, tied = flat > threshold, flat == threshold
    left = (quota - wide(above.sum(1, keepdim=True))) / wide(tied.sum(1, keepdim=True))
    return wide(above) + left * wide(tied)
