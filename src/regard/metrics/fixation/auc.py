"""Area under the ROC curve of a map that tells fixated pixels from others: AUC, shuffled AUC, Judd's AUC.

An AUC needs only ranks, and only those relative to the n fixated values: a pixel's code, 0 to 2n ([`codes`](codes.py)).
All AUCs are sums over codes: against the pixels, AUC = 1 - mean(code) / 2n (midranks for ties); against other images'
fixations (the shuffled AUC) the same sum weighted by their counts; Judd's by trapezoids between the fixated values. One
pass over the pixels adds them up. By the ``mit`` convention the shuffled AUC is sampled, as the MATLAB code of the MIT
benchmark does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.codes import CodeSums, count_codes
from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, pixels
from regard.metrics.rounding import settled, wide
from regard.types import PerImage, RegardError


def trapezoids(codes: CodeSums, index: Tensor, known: Tensor, *, unique: bool) -> PerImage:
    """Area under the trapezoids from the codes, as a sum over unfixated pixels.

    A pixel p lies between the vertices of the next fixated value above it and of the last one, v, not above it; the
    mean of their hit rates is (hits above p + half of the hits at v) / n, and 1 below all fixated values.
    """
    first, order = _first(index, known)
    at, zeros = codes.own.long(), torch.zeros_like(codes.counts)
    distinct = zeros.scatter_add(1, at.gather(1, order), first.long())
    hits = distinct if unique else zeros.scatter_add(1, at, known.long())
    free = codes.counts - distinct
    above = hits.sum(1, keepdim=True) - hits.cumsum(1)
    level = torch.arange(zeros.shape[1], device=at.device)
    last = torch.where(hits > 0, level, 0).cummax(1).values  # hits[0] is 0 where no fixated value is the minimum
    area = (free * (2 * above + hits.gather(1, last))).sum(1)
    return wide(area) / (2 * wide(hits.sum(1)) * wide(free.sum(1)))


def fixated_once(index: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The fixated pixels (B,n) in another order, and which of them to count so that each counts once."""
    first, order = _first(index, known)
    return index.gather(1, order), first


def _first(index: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Which fixations are the first of their pixel, in an order that is given along."""
    ordered, order = torch.where(known, index, -1).sort(1)
    first = ordered >= 0
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    return first, order


SPLITS = 100
STEP = 0.1


def sauc_sampled(
    maps: Maps, index: Tensor, known: Tensor, others: Maps, own_included: bool, seed: tuple[int, ...]
) -> PerImage:
    """AUC_shuffled.m: as many pixels as are fixated, drawn from those that others fixated, SPLITS times over.

    Maps are stretched to [0,1]; thresholds are multiples of STEP, trapezoids between. Each fixated pixel counts once,
    the image's own as well as the others'; a draw is without replacement and ends with the pool. The thresholds are
    coarse: a map whose values crowd near its minimum scores close to .5 whatever it knows. Arguments are those of
    `sauc`, checked; with the image's place in the batch, ``seed`` decides the draws.
    """
    flat = wide(maps).flatten(1)
    low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    flat = (flat - low) / (high - low)
    counts = others.flatten(1).expand(len(maps), -1)
    if own_included:
        counts = counts.scatter_add(1, index, -known.to(counts))
    out = torch.full((len(maps),), torch.nan, dtype=flat.dtype, device=flat.device)
    for b in range(len(maps)):
        pool = flat[b, counts[b] > 0]
        hit = flat[b, index[b, known[b]].unique()]
        if len(hit) and len(pool) and bool(high[b] > low[b]):
            out[b] = _mean_area(hit, pool, _generator((*seed, b)))
    return out


def _mean_area(hit: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.rand(SPLITS, len(pool), generator=generator).argsort(1)[:, : len(hit)].to(pool.device)
    threshold = torch.arange(10, -1, -1, dtype=pool.dtype, device=pool.device) * STEP
    start = pool.new_zeros(1)
    hits = torch.cat([start, (hit >= threshold[:, None]).to(pool.dtype).mean(1)])
    alarms = (pool[order] >= threshold[:, None, None]).to(pool.dtype).mean(-1).T  # (SPLITS, thresholds)
    return torch.trapezoid(hits.expand(SPLITS, -1), torch.cat([start.expand(SPLITS, 1), alarms], 1)).mean()


def _generator(seed: tuple[int, ...]) -> torch.Generator:
    mixed = 0
    for part in seed:
        mixed = (mixed * 1_000_003 + part + 1) % (1 << 63)
    return torch.Generator().manual_seed(mixed)


def sauc(
    maps: Maps,
    fixations: Points,
    others: Maps,
    *,
    own_included: bool = True,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> PerImage:
    """Shuffled AUC per image (B,): fixations of the image against those of other images, so a centre bias scores .5.

    ``tuebingen``: all fixations of all other images at the same relative position, midranks for ties, exact. ``mit``: a
    hundred samples of the pixels fixated on ten other images (`regard.gaze.other_fixations`); see `sauc_sampled`. NaN
    without fixations or without others; for ``mit`` also for a constant map.

    Args:
        maps: (B,1,h,w).
        fixations: (B,n,2).
        others: (1 or B,1,h,w) how many fixations fell on each pixel, over all images of the set scaled to this grid
            (`regard.gaze.fixation_counts`).
        own_included: whether ``others`` holds this image's fixations too; they are then taken out.
        convention: see above.
        seed: of ``mit``'s samples, with the image's place in the batch.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> others = torch.tensor([[[[1, 1], [0, 0]]]])
    >>> sauc(maps, torch.tensor([[[1.0, 1.0]]]), others, own_included=False).item()
    1.0
    """
    check_convention(convention)
    maps = settled(check_maps(maps.detach()))
    index, known = pixels(maps, fixations)
    check_others(others, index, known, own_included, maps.shape[-2] * maps.shape[-1])
    if convention == "mit":
        return sauc_sampled(maps, index, known, others, own_included, seed)
    codes = count_codes(maps, maps.flatten(1).gather(1, index), known, others)
    return shuffled_area(codes, known, own_included=own_included)


def shuffled_area(codes: CodeSums, known: Tensor, *, own_included: bool) -> PerImage:
    """From the codes weighted by the other images' fixations: by all counts, less the codes of the image's own."""
    assert codes.weighted is not None, "codes were counted with weights"
    assert codes.weight is not None
    ranks, weight = codes.weighted, codes.weight
    if own_included:
        ranks = ranks - (codes.own * known).sum(1)
        weight = weight - known.sum(1)
    return 1 - ranks / (2 * wide(known.sum(1)) * weight)


def check_others(others: Maps, index: Tensor, known: Tensor, own_included: bool, hw: int) -> None:
    """Raise unless ``others`` are counts on a grid of ``hw`` pixels, the image's own among them if they should be."""
    if others.ndim != 4 or len(others) not in (1, len(index)) or others.shape[-2] * others.shape[-1] != hw:
        raise RegardError(
            f"others must be counts (1 or {len(index)},1,h,w) on the maps' grid, not {tuple(others.shape)}"
        )
    if own_included and (others.flatten(1).expand(len(index), -1).gather(1, index) < known.int()).any():
        raise RegardError("others lacks fixations of the image itself: pass own_included=False if they are left out")


@dataclass(frozen=True)
class AUCs:
    """The three per image (B,); ``shuffled`` is None without other images' fixations, ``judd`` if it was not wanted."""

    auc: PerImage
    shuffled: PerImage | None
    judd: PerImage | None


def auc(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> PerImage:
    """Probability that a fixated pixel is higher than a pixel of the image, ties counting one half: (B,) in [0,1].

    ``tuebingen``: every fixation against all pixels, P(s(fix) > s(pixel)) + .5 P(=), repeated fixations count (the
    Mann-Whitney statistic; pysaliency's AUC with uniform nonfixations). ``mit``: `auc_judd` by that convention, what
    "AUC" means there. NaN without fixations, .5 for a constant map.

    Args:
        maps: (B,1,h,w), any finite values.
        fixations: (B,n,2) in the map's pixels, NaN beyond the last.
        convention: see above.

    >>> auc(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]]))
    tensor([0.8750], dtype=torch.float64)
    """
    return aucs(maps, fixations, judd=False, convention=convention).auc


def auc_judd(maps: Maps, fixations: Points, *, convention: Convention = "tuebingen") -> PerImage:
    """Judd's AUC (B,): fixated against unfixated pixels, thresholds at the fixated values only, trapezoids between.

    Chance is .5 + .5/(N+1) with N fixations: report N. Values are not jittered; a trapezoid resolves ties, whatever the
    order of the pixels. ``tuebingen`` counts repeated fixations of a pixel (pysaliency's AUC_Judd with jitter=False),
    ``mit`` counts each fixated pixel once. Maps and fixations as in `auc`; NaN without fixations or if every pixel is
    fixated.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> auc_judd(maps, torch.tensor([[[1.0, 1.0]]])).item()
    1.0
    """
    check_convention(convention)
    maps = settled(check_maps(maps.detach()))
    index, known = pixels(maps, fixations)
    codes = count_codes(maps, maps.flatten(1).gather(1, index), known)
    return trapezoids(codes, index, known, unique=convention == "mit")


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
    """`auc`, `sauc` and, if ``judd``, `auc_judd` for the price of one: see there.

    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> aucs(maps, torch.tensor([[[1.0, 1.0]]])).judd.item()
    1.0
    """
    check_convention(convention)
    maps = settled(check_maps(maps.detach()))
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
    span: tuple[Tensor, Tensor] | None = None,
) -> AUCs:
    """`aucs` of maps and fixated pixels that have been checked; ``span``: smallest and largest values, if known."""
    mit, hw = convention == "mit", maps.shape[-2] * maps.shape[-1]
    if others is not None:
        check_others(others, index, known, own_included, hw)
    codes = count_codes(maps, maps.flatten(1).gather(1, index), known, None if mit else others, span)
    area = trapezoids(codes, index, known, unique=mit) if judd or mit else None
    shuffled = None
    if others is not None:
        shuffled = (
            sauc_sampled(maps, index, known, others, own_included, seed)
            if mit
            else shuffled_area(codes, known, own_included=own_included)
        )
    whole = 1 - wide(codes.total) / (2 * wide(known.sum(1)) * hw)
    return AUCs(area if mit and area is not None else whole, shuffled, area)
