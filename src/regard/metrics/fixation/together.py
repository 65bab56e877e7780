"""All scores of a map on one image's fixations, sharing what they can."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.auc import aucs
from regard.metrics.fixation.distribution import cc, kl_divergence, sim
from regard.metrics.fixation.inputs import Convention, Maps, Points
from regard.metrics.fixation.nss import nss

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

    Args:
        maps: (B,1,h,w), not negative.
        fixations: (B,n,2) in the maps' pixels.
        gold: (B,1,h,w) density of the fixations.
        others: see `sauc`.
        own_included: see `sauc`.
        convention: see the single functions.
    """
    ranked = aucs(maps, fixations, others, own_included=own_included, convention=convention)
    out = {"auc": ranked.auc}
    if ranked.shuffled is not None:
        out["sauc"] = ranked.shuffled
    return out | {
        "auc_judd": ranked.judd,
        "nss": nss(maps, fixations, convention=convention),
        "cc": cc(maps, gold),
        "sim": sim(maps, gold, convention=convention),
        "kl": kl_divergence(maps, gold, convention=convention),
    }
