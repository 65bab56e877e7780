"""All scores of a map on one image's fixations, sharing what they can."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.auc import ranked
from regard.metrics.fixation.distribution import cc, correlation, kl_divergence, relative_entropy, sim
from regard.metrics.fixation.inputs import (
    Convention,
    Maps,
    Points,
    check_convention,
    check_density,
    check_maps,
    check_pair,
    pixels,
    wide,
)
from regard.metrics.fixation.nss import nss, z_score

NAMES = ("auc", "sauc", "auc_judd", "nss", "cc", "sim", "kl")
LOWER_IS_BETTER = frozenset({"kl"})


def all_scores(
    maps: Maps,
    fixations: Points,
    gold: Maps,
    others: Maps | None = None,
    *,
    own_included: bool = True,
    convention: Convention = "tuebingen",
) -> dict[str, Float[Tensor, " B"]]:
    """`NAMES` -> (B,) values; sauc only if ``others`` are given. Maps must not be negative: SIM and KL read densities.

    The same values as the single functions, with each pass over the pixels made once; not differentiable.

    Args:
        maps: (B,1,h,w), not negative.
        fixations: (B,n,2) in the maps' pixels.
        gold: (B,1,h,w) density of the fixations.
        others: see `sauc`.
        own_included: see `sauc`.
        convention: see the single functions.
    """
    check_convention(convention)
    check_pair(maps, gold)
    maps, gold = check_maps(maps.detach()), check_maps(gold.detach(), "gold maps")
    index, known = pixels(maps, fixations)
    mit = convention == "mit"
    found = ranked(maps, index, known, others, own_included, judd=True, mit=mit)
    out: dict[str, Tensor | None] = {"auc": found.auc, "sauc": found.shuffled, "auc_judd": found.judd}
    if mit:
        out |= {
            "nss": nss(maps, fixations, convention=convention),
            "cc": cc(maps, gold),
            "sim": sim(maps, gold, convention=convention),
            "kl": kl_divergence(maps, gold, convention=convention),
        }
    else:
        out |= _tuebingen(maps, index, known, gold)
    return {name: values for name, values in out.items() if values is not None}


def _tuebingen(maps: Tensor, index: Tensor, known: Tensor, gold: Tensor) -> dict[str, Tensor | None]:
    p, g = wide(maps).flatten(1), wide(gold).flatten(1)
    (low_p, high_p), (low_g, high_g) = p.aminmax(dim=1), g.aminmax(dim=1)
    if p.numel() and (low_p.min() < 0 or low_g.min() < 0):
        check_density(maps)
        check_density(gold, "gold maps")
    total_p, total_g = p.sum(1, keepdim=True), g.sum(1, keepdim=True)
    empty = ((total_p == 0) | (total_g == 0)).squeeze(1)
    a, b = p - total_p / p.shape[1], g - total_g / g.shape[1]
    dot = torch.linalg.vecdot
    square, flat = dot(a, a), low_p == high_p
    return {
        "nss": z_score(a, square, flat, index, known, convention="tuebingen"),
        "cc": correlation(dot(a, b), square, dot(b, b), flat | (low_g == high_g)),
        "sim": torch.minimum(p / total_p, g / total_g).sum(1),
        "kl": torch.where(empty, torch.nan, relative_entropy(p, g)),
    }
