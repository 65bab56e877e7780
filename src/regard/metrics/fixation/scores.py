"""Normalized scanpath saliency (the z-score of the map where people looked), and all scores of maps on fixations, with
each pass over the pixels made once.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.fixation.auc import fixated_once, ranked
from regard.metrics.fixation.distribution import (
    TUEBINGEN_EPS,
    cc,
    correlation,
    kl_divergence,
    log_ratio,
    relative_entropy,
    sim,
)
from regard.metrics.fixation.inputs import (
    Convention,
    MapFacts,
    Maps,
    Points,
    check_convention,
    check_density,
    check_maps,
    check_pair,
    examine_maps,
    pixels,
)
from regard.metrics.fixation.kernels import sum_pixels
from regard.metrics.rounding import constant, dot, wide
from regard.types import PerImage

FIXATION_METRICS = ("auc", "sauc", "auc_judd", "nss", "cc", "sim", "kl")


def nss(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> PerImage:
    """Mean over fixations of (map - mean) / std: (B,), NaN without fixations. Differentiable.

    It takes fixations: with a blurred density in their place the number is another one (Peters et al. 2005).

    Args:
        maps: (B,1,h,w), any finite values.
        fixations: (B,n,2) in the map's pixels, NaN beyond the last.
        convention: ``tuebingen`` has the std over N pixels and 0 for a constant map; ``mit`` the std over N-1 and NaN,
            and each fixated pixel counts once, as in NSS.m, which averages over a binary mask.

    >>> nss(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]]))
    tensor([1.3416], dtype=torch.float64)
    """
    check_convention(convention)
    flat = wide(check_maps(maps)).flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    freedom = flat.shape[1] if convention == "tuebingen" else max(flat.shape[1] - 1, 1)
    index, known = pixels(maps, fixations)
    if convention == "mit":
        index, known = fixated_once(index, known)
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


def fixation_scores(
    maps: Maps,
    fixations: Points,
    gold: Maps,
    others: Maps | None = None,
    *,
    own_included: bool = True,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> dict[str, PerImage]:
    """`FIXATION_METRICS` -> (B,) values, those of the single functions with each pass over the pixels made once.

    Not differentiable; sauc only if ``others`` are given. Maps must not be negative, as SIM and KL read densities.

    Args:
        maps: (B,1,h,w), not negative.
        fixations: (B,n,2) in the maps' pixels.
        gold: (B,1,h,w) density of the fixations.
        others: see `sauc`, as for own_included and seed.
        own_included: whether ``others`` holds the image's own.
        convention: see the single functions.
        seed: of ``mit``'s samples.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> gold = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
    >>> sorted(fixation_scores(maps, torch.tensor([[[1.0, 1.0]]]), gold))
    ['auc', 'auc_judd', 'cc', 'kl', 'nss', 'sim']
    """
    check_convention(convention)
    check_pair(maps, gold)
    (maps, seen), (gold, seen_gold) = examine_maps(maps.detach()), examine_maps(gold.detach(), "gold maps")
    index, known = pixels(maps, fixations)
    span = seen.low, seen.high
    areas = ranked(maps, index, known, others, own_included, judd=True, convention=convention, seed=seed, span=span)
    out: dict[str, Tensor | None] = {"auc": areas.auc, "sauc": areas.shuffled, "auc_judd": areas.judd}
    if convention == "mit":
        out |= {
            "nss": nss(maps, fixations, convention=convention),
            "cc": cc(maps, gold),
            "sim": sim(maps, gold, convention=convention),
            "kl": kl_divergence(maps, gold, convention=convention),
        }
    else:
        if seen.low.numel() and min(seen.low.min(), seen_gold.low.min()) < 0:
            check_density(maps)
            check_density(gold, "gold maps")
        out |= _tuebingen(wide(maps).flatten(1), seen, index, known, wide(gold).flatten(1), seen_gold)
    return {name: values for name, values in out.items() if values is not None}


def _tuebingen(
    p: Tensor, seen: MapFacts, index: Tensor, known: Tensor, g: Tensor, seen_gold: MapFacts
) -> dict[str, Tensor | None]:
    count, total_p, total_g = p.shape[1], seen.total[:, None], seen_gold.total[:, None]
    square_p, square_g, product, shared, cross = pixel_sums(p, g, total_p / count, total_g / count, total_g / total_p)
    flat, empty = seen.constant, (seen.total == 0) | (seen_gold.total == 0)
    return {
        "nss": z_score(p.gather(1, index) - total_p / count, known, square_p / count, flat, convention="tuebingen"),
        "cc": correlation(product, square_p, square_g, flat | seen_gold.constant),
        "sim": shared / seen_gold.total,
        "kl": torch.where(empty, torch.nan, relative_entropy(cross, total_p, total_g, count)),
    }


def pixel_sums(p: Tensor, g: Tensor, mean_p: Tensor, mean_g: Tensor, ratio: Tensor) -> Float[Tensor, "5 B"]:
    """Centred squares of both maps (B,hw), centred product, sum of the smaller density, KL's sum."""
    if p.device.type == "cpu":
        means = torch.stack([mean_p[:, 0], mean_g[:, 0]])
        return sum_pixels(p.contiguous(), g.contiguous(), means, ratio[:, 0].contiguous(), TUEBINGEN_EPS)
    a, b = p - mean_p, g - mean_g
    shared = torch.minimum(p * ratio, g).sum(1)
    return torch.stack([dot(a, a), dot(b, b), dot(a, b), shared, log_ratio(p, g)])
