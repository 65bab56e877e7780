"""Shuffled AUC as the MATLAB code of the MIT benchmark samples it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Maps, wide

SPLITS = 100
STEP = 0.1


def sauc_sampled(
    maps: Maps, index: Tensor, known: Tensor, others: Maps, own_included: bool, seed: tuple[int, ...]
) -> Float[Tensor, " B"]:
    """AUC_shuffled.m: as many pixels as are fixated, drawn from those that others fixated, SPLITS times over.

    Maps are stretched to [0,1]; thresholds are multiples of STEP, trapezoids between. Each fixated pixel counts once,
    the image's own as well as the others'; a draw is without replacement and ends with the pool. The thresholds are
    coarse: a map whose values crowd near its minimum scores close to .5 whatever it knows.

    Args:
        maps: (B,1,h,w), checked.
        index: (B,n) fixated pixels.
        known: (B,n) which of them are.
        others: (1 or B,1,h,w) counts of fixations.
        own_included: whether the image's own are among them.
        seed: with the image's place in the batch, decides the draws.

    Returns:
        (B,), NaN without fixations, without others, or for a constant map.
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
