"""How well a metric grades maps of one world: Kendall's tau, false praise, images needed.

Every function takes grades (K,M,N) of K metrics at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from regard.truth.load import Numbers, World
from regard.truth.maps import FLOOR, LADDERS, TRUTH, dosed, ladder_names

KNOWN_ORDER = 0.02
"""Two maps have a known order where their agreement with the truth, the mean over a world's images, differs by more."""
_DRAWS = 2000
_Z = 1.959964 + 0.841621
"""Quantiles of a two-sided test at .05 and of a power of .8."""


def tau(grades: Numbers, agreement: Numbers) -> Numbers:
    """Kendall's tau of metrics (K,M) with the agreement (M,) of some maps, over the pairs whose order is known (K,).

    Pairs in the right order less pairs in the wrong one, as a share of all; a tie of the metric counts as neither, and
    so does a pair that it cannot grade. NaN where no pair has a known order.

    >>> tau(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), np.array([1.0, 0.5, 0.0])).tolist()
    [1.0, -1.0]
    """
    pairs = [
        (i, j) for i, j in combinations(range(len(agreement)), 2) if abs(agreement[i] - agreement[j]) > KNOWN_ORDER
    ]
    if not pairs:
        return np.full(len(grades), np.nan)
    first, second = np.array(pairs).T
    right = np.sign(grades[:, first] - grades[:, second]) * np.sign(agreement[first] - agreement[second])
    result: Numbers = np.nan_to_num(right, nan=0.0).mean(1)
    return result


def ladder_tau(world: World, grades: Numbers) -> Numbers:
    """Mean over the ladders of the tau of their five maps (K,); grades and agreement are means over the images."""
    means, agreement = mean_grades(grades), world.agreement.mean(1)
    found = []
    for ladder in LADDERS:
        rows = [world.map(name) for name in ladder_names(ladder)]
        found.append(tau(means[:, rows], agreement[rows]))
    return np.array([defined_mean(column) for column in np.stack(found, 1)])


def defined_mean(values: Numbers) -> float:
    """Mean of what is not NaN; NaN where nothing is defined."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else math.nan


def method_tau(world: World, grades: Numbers) -> Numbers:
    """Tau of the maps of explanation methods (K,), whose agreement with the truth is known too."""
    rows = [world.map(name) for name in world.methods]
    return tau(mean_grades(grades)[:, rows], world.agreement.mean(1)[rows])


def mean_grades(grades: Numbers) -> Numbers:
    """Means over images (K,M) of what is defined; NaN where a map has no grade."""
    known = np.isfinite(grades)
    total = np.where(known, grades, 0.0).sum(2)
    return np.where(known.any(2), total / np.maximum(known.sum(2), 1), np.nan)


def praised(graded: Sequence[tuple[World, Numbers]], names: Sequence[str]) -> Numbers:
    """Whether `regard judge` would call maps "clearly better than random" (K,len(names)), 0 or 1.

    As there: the 95 % bootstrap interval, over images, of the paired difference to the same values rearranged at random
    is above zero. The images are those of all given worlds with their grades.
    """
    parts = []
    for world, grades in graded:
        own, floor = ([world.map(prefix + name) for name in names] for prefix in ("", FLOOR))
        parts.append(grades[:, own] - grades[:, floor])
    difference = np.concatenate(parts, 2)
    images = difference.shape[2]
    index = np.random.default_rng(0).integers(images, size=(_DRAWS, images))
    drawn = difference[:, :, index]
    means = np.where(np.isfinite(drawn).any(3), np.nansum(drawn, 3) / np.maximum(np.isfinite(drawn).sum(3), 1), 0.0)
    low = np.quantile(means, 0.025, axis=2, method="lower")
    return (low > 0).astype(np.float64)


def dose_differences(world: World, grades: Numbers, ladder: str) -> Numbers:
    """By how much the truth is better than the map of the lowest dose, for each image (K,N)."""
    low = world.map(dosed(ladder, 0.1))
    result: Numbers = grades[:, world.map(TRUTH)] - grades[:, low]
    return result


def images_needed(differences: Numbers) -> float:
    """Images for a power of .8 at .05, two-sided, to see a paired difference of this mean and spread (N,).

        n = ((z_.975 + z_.8) sd / mean)^2

    Infinite where the mean is not above zero.

    >>> round(images_needed(np.array([0.0, 1.0] * 50)), 1)
    7.9
    """
    d = differences[np.isfinite(differences)]
    if len(d) < 2 or d.mean() <= 0:
        return math.inf
    return float((_Z * d.std(ddof=1) / d.mean()) ** 2)


def resampled(values: Numbers, *, draws: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of a mean (N,); NaN where there is one value."""
    if len(values) < 2:
        return math.nan, math.nan
    means = values[np.random.default_rng(0).integers(len(values), size=(draws, len(values)))].mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def over_networks(
    worlds: Sequence[World], statistic: Callable[[Sequence[int]], float], *, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """A statistic of worlds, given by their numbers, with a 95 % bootstrap interval that resamples networks."""
    groups: dict[tuple[str, int], list[int]] = {}
    for k, world in enumerate(worlds):
        groups.setdefault(world.network, []).append(k)
    names = list(groups)
    value = statistic(range(len(worlds)))
    if len(names) < 2:
        return value, math.nan, math.nan
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = generator.integers(len(names), size=len(names))
        found.append(statistic([k for i in drawn for k in groups[names[i]]]))
    low, high = np.quantile(found, 0.025, method="lower"), np.quantile(found, 0.975, method="higher")
    return value, float(low), float(high)
