"""The crossed bootstrap: runs and images are resampled independently, and every pair counts as often as both.

For numbers that are no mean: ratios, shares of a range, correlations. Source: Owen 2007, The pigeonhole bootstrap,
Annals of Applied Statistics 1:386; its variance is never too small with many of both. With three seeds it is: a
resample of three holds on average two of them, and a percentile interval knows no t. Decisions therefore rest on
`crossed_mean`; benchmarks/verdicts.py measures how often either interval holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.types import RegardError

Table = NDArray[np.float64]
CHUNK = 2_000_000  # numbers held at once


@dataclass(frozen=True)
class Interval:
    """A value and its percentile interval."""

    value: float
    low: float = math.nan
    high: float = math.nan


def crossed_weights(
    backbone: NDArray[np.int_], images: int, draws: int, *, seed: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """How often each run (chunk,R) and each image (chunk,I) was drawn; runs are drawn within their backbone."""
    generator = np.random.default_rng(seed)
    rows = max(1, CHUNK // max(len(backbone) + images, 1))
    for start in range(0, draws, rows):
        n = min(rows, draws - start)
        of_runs = np.zeros((n, len(backbone)))
        for b in np.unique(backbone):
            own = np.flatnonzero(backbone == b)
            of_runs[:, own] = generator.multinomial(len(own), np.full(len(own), 1 / len(own)), n)
        yield of_runs, generator.multinomial(images, np.full(images, 1 / images), n).astype(float)


def bootstrap(
    values: Table,
    backbone: NDArray[np.int_],
    statistic: Callable[[Table], Table],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A statistic of the means of K paired arms, with its percentile interval.

    Args:
        values: (K,R,I), paired and finite.
        backbone: (R,) of each run.
        statistic: means (K,N) of N resamples -> (N,), such as ``lambda m: (m[0] - m[1]) / (m[2] - m[1])``.
        draws: resamples.
        level: of the interval.
        seed: decides the interval.

    The value is NaN without runs or images, the interval with a single seed of every backbone.

    >>> table = np.arange(24.0).reshape(2, 3, 4)
    >>> bootstrap(table, np.zeros(3, int), lambda m: m[1] - m[0])
    Interval(value=12.0, low=12.0, high=12.0)
    """
    if not 0 < level < 1:
        raise RegardError(f"bootstrap: level={level} is not between 0 and 1; use for example level=.95")
    _, runs, images = values.shape
    if runs == 0 or images == 0:
        return Interval(math.nan)
    value = float(statistic(values.mean((1, 2))[:, None])[0])
    if np.bincount(np.unique(backbone, return_inverse=True)[1]).max() < 2:
        return Interval(value)
    found = [
        statistic(np.stack([np.einsum("nr,ri,ni->n", r, arm, i, optimize=True) for arm in values]) / (runs * images))
        for r, i in crossed_weights(backbone, images, draws, seed=seed)
    ]
    every = np.concatenate(found)
    every = every[np.isfinite(every)]
    if not len(every):
        return Interval(value)
    low, high = np.quantile(every, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value if math.isfinite(value) else math.nan, float(low), float(high))
