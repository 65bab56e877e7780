"""Area under the ROC curve of a map that tells fixated pixels from others: AUC, Judd's AUC, and all three at once."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, pixels, wide
from regard.metrics.fixation.judd import trapezoids
from regard.metrics.fixation.order import codes, fixated_codes
from regard.metrics.fixation.sampled import sauc_sampled
from regard.metrics.fixation.shuffled import check_others, shuffled_area


@dataclass(frozen=True)
class AUCs:
    """The three, from one pass over the pixels.

    Attributes:
        auc: against all pixels (B,).
        shuffled: against other images' fixations (B,); None if none were given.
        judd: Judd's (B,); None if it was not asked for.
    """

    auc: Float[Tensor, " B"]
    shuffled: Float[Tensor, " B"] | None
    judd: Float[Tensor, " B"] | None


def auc(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> Float[Tensor, " B"]:
    """Probability that a fixated pixel has a higher value than a pixel of the image, ties counting one half.

    ``tuebingen``: every fixation against all pixels, P(s(fix) > s(pixel)) + .5 P(=), repeated fixations count (the
    Mann-Whitney statistic; pysaliency's AUC with uniform nonfixations). ``mit``: `auc_judd` by that convention, what
    "AUC" means there.

    Args:
        maps: (B,1,h,w), any finite values.
        fixations: (B,n,2) in the map's pixels, NaN beyond the last.
        convention: see above.

    Returns:
        (B,) in [0,1], NaN without fixations, .5 for a constant map.

    >>> auc(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]]))
    tensor([0.8750], dtype=torch.float64)
    """
    check_convention(convention)
    if convention == "mit":
        return auc_judd(maps, fixations, convention="mit")
    code, _, known = fixated_codes(maps, fixations)
    return _auc(code, known.sum(1))


def auc_judd(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> Float[Tensor, " B"]:
    """Judd's AUC: fixated against unfixated pixels, thresholds at the fixated values only, trapezoids between.

    Not 0.5 at chance but .5/(N+1) above it with N fixations: report N. Values are not jittered; a trapezoid
    resolves ties, whatever the order of the pixels. ``tuebingen`` counts repeated fixations of a pixel (pysaliency's
    AUC_Judd with jitter=False), ``mit`` counts each fixated pixel once.

    Args:
        maps: (B,1,h,w).
        fixations: (B,n,2).
        convention: see above.

    Returns:
        (B,), NaN without fixations or if every pixel is fixated.
    """
    check_convention(convention)
    return trapezoids(*fixated_codes(maps, fixations), unique=convention == "mit")


def aucs(
    maps: Maps,
    fixations: Points,
    others: Maps | None = None,
    *,
    own_included: bool = True,
    judd: bool = True,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> AUCs:
    """`auc`, `sauc` and, if ``judd``, `auc_judd` for the price of one: see there."""
    check_convention(convention)
    maps = check_maps(maps.detach())
    return ranked(maps, *pixels(maps, fixations), others, own_included, judd=judd, convention=convention, seed=seed)


def ranked(
    maps: Float[Tensor, "B 1 h w"],
    index: Int[Tensor, "B n"],
    known: Bool[Tensor, "B n"],
    others: Maps | None,
    own_included: bool,
    *,
    judd: bool,
    convention: Convention,
    seed: tuple[int, ...],
) -> AUCs:
    """`aucs` of maps and fixated pixels that have been checked."""
    mit = convention == "mit"
    code = codes(maps, maps.flatten(1).gather(1, index), known)
    area = trapezoids(code, index, known, unique=mit) if judd or mit else None
    shuffled = None
    if others is not None:
        check_others(others, index, known, own_included, code.shape[1])
        shuffled = (
            sauc_sampled(maps, index, known, others, own_included, seed)
            if mit
            else shuffled_area(code, index, known, others, own_included)
        )
    return AUCs(area if mit and area is not None else _auc(code, known.sum(1)), shuffled, area)


def _auc(code: Tensor, count: Tensor) -> Float[Tensor, " B"]:
    return 1 - wide(code).sum(1) / (2 * wide(count) * code.shape[1])
