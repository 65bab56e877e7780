"""All scores of a map on one image's fixations, sharing what they can."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.auc import aucs
from regard.metrics.fixation.distribution import cc, correlation, kl_divergence, relative_entropy, sim
from regard.metrics.fixation.inputs import Convention, Maps, Points, check_density, check_pair, constant, pixels, wide
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
    check_pair(maps, gold)
    maps, gold = check_density(maps.detach()), check_density(gold.detach(), "gold maps")
    ranked = aucs(maps, fixations, others, own_included=own_included, convention=convention)
    out = {"auc": ranked.auc}
    if ranked.shuffled is not None:
        out["sauc"] = ranked.shuffled
    if ranked.judd is not None:
        out["auc_judd"] = ranked.judd
    if convention == "mit":
        return out | {
            "nss": nss(maps, fixations, convention=convention),
            "cc": cc(maps, gold),
            "sim": sim(maps, gold, convention=convention),
            "kl": kl_divergence(maps, gold, convention=convention),
        }
    return out | _tuebingen(maps, fixations, gold)


def _tuebingen(maps: Tensor, fixations: Points, gold: Tensor) -> dict[str, Tensor]:
    p, g = wide(maps).flatten(1), wide(gold).flatten(1)
    total_p, total_g = p.sum(1, keepdim=True), g.sum(1, keepdim=True)
    empty = ((total_p == 0) | (total_g == 0)).squeeze(1)
    a, b = p - total_p / p.shape[1], g - total_g / g.shape[1]
    dot = torch.linalg.vecdot
    square, flat = dot(a, a), constant(maps)
    return {
        "nss": z_score(a, square, flat, *pixels(maps, fixations), convention="tuebingen"),
        "cc": correlation(dot(a, b), square, dot(b, b), flat | constant(gold)),
        "sim": torch.minimum(p / total_p, g / total_g).sum(1),
        "kl": torch.where(empty, torch.nan, relative_entropy(p, g)),
    }
