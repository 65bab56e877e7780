"""Area under the ROC curve of a map that tells fixated pixels from others: AUC, shuffled AUC, Judd's AUC."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, dot, pixels, wide
from regard.metrics.fixation.judd import trapezoids
from regard.metrics.fixation.order import codes
from regard.metrics.fixation.sampled import sauc_sampled
from regard.types import RegardError


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
    code, _, known = _codes(maps, fixations)
    return _auc(code, known.sum(1))


def sauc(
    maps: Maps,
    fixations: Points,
    others: Maps,
    *,
    own_included: bool = True,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> Float[Tensor, " B"]:
    """Shuffled AUC: fixations of the image against those of other images.

    What only says "people look at the centre" scores .5. ``tuebingen``: all fixations of all other images, at the same
    relative position, midranks for ties, exact, without sampling. ``mit``: a hundred samples of the pixels fixated on
    ten other images (`regard.gaze.ten_others` chooses them), at eleven thresholds; see `sauc_sampled`.

    Args:
        maps: (B,1,h,w).
        fixations: (B,n,2).
        others: (1 or B,1,h,w) how many fixations fell on each pixel, over all images of the set scaled to this grid
            (`regard.gaze.fixation_counts`); whole numbers.
        own_included: whether ``others`` holds this image's fixations too; they are then taken out.
        convention: see above.
        seed: of ``mit``'s samples, with the image's place in the batch.

    Returns:
        (B,), NaN without fixations or without others; for ``mit`` also for a constant map.
    """
    check_convention(convention)
    if convention == "mit":
        maps = check_maps(maps.detach())
        index, known = pixels(maps, fixations)
        _check_others(others, index, known, own_included, maps.shape[-2] * maps.shape[-1])
        return sauc_sampled(maps, index, known, others, own_included, seed)
    code, index, known = _codes(maps, fixations)
    _check_others(others, index, known, own_included, code.shape[1])
    return _shuffled(code, index, known, others, own_included)


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
    return trapezoids(*_codes(maps, fixations), unique=convention == "mit")


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
        _check_others(others, index, known, own_included, code.shape[1])
        shuffled = (
            sauc_sampled(maps, index, known, others, own_included, seed)
            if mit
            else _shuffled(code, index, known, others, own_included)
        )
    return AUCs(area if mit and area is not None else _auc(code, known.sum(1)), shuffled, area)


def _codes(maps: Maps, fixations: Points) -> tuple[Int[Tensor, "B hw"], Int[Tensor, "B n"], Bool[Tensor, "B n"]]:
    maps = check_maps(maps.detach())
    index, known = pixels(maps, fixations)
    return codes(maps, maps.flatten(1).gather(1, index), known), index, known


def _auc(code: Tensor, count: Tensor) -> Float[Tensor, " B"]:
    return 1 - wide(code).sum(1) / (2 * wide(count) * code.shape[1])


def _shuffled(code: Tensor, index: Tensor, known: Tensor, others: Maps, own_included: bool) -> Float[Tensor, " B"]:
    """Sum of codes weighted by the other images' fixations: by all counts, less the codes of the image's own."""
    total, standing = wide(others).flatten(1), wide(code)
    ranks = standing @ total[0] if len(total) == 1 else dot(standing, total)
    weight = total.sum(1)
    if own_included:
        ranks = ranks - (code.gather(1, index) * known).sum(1)
        weight = weight - known.sum(1)
    return 1 - ranks / (2 * wide(known.sum(1)) * weight)


def _check_others(others: Maps, index: Tensor, known: Tensor, own_included: bool, hw: int) -> None:
    if others.ndim != 4 or len(others) not in (1, len(index)) or others.shape[-2] * others.shape[-1] != hw:
        raise RegardError(
            f"others must be counts (1 or {len(index)},1,h,w) on the maps' grid, not {tuple(others.shape)}"
        )
    if own_included and (others.flatten(1).expand(len(index), -1).gather(1, index) < known.int()).any():
        raise RegardError("others lacks fixations of the image itself: pass own_included=False if they are left out")
