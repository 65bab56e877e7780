"""What a paired test can see: its power, the smallest effect that it would have seen, and how many seeds that takes.

The sources of error are those of an `Estimate`: (variance, degrees of freedom) of seeds and of images. The test
compares the difference with the quantile of Cochran and Cox; its power is the mean over the chi squared distributions
of the estimated variances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr, stdtrit

from regard.types import RegardError

_NODES = 4096
_MOST_SEEDS = 1000
_KNOWN = 1e6  # degrees of freedom of a variance that is as good as known
_Parts = Sequence[tuple[float, float]]


def find_power(effect: float, parts: _Parts, level: float = 0.05) -> float:
    """Probability that a two-sided test finds a true difference.

    Args:
        effect: the true difference.
        parts: (variance of the mean, degrees of freedom) of each source of error.
        level: of the test: .05 divided by the number of claims where it is corrected.

    Raises:
        RegardError: a level that is not between 0 and 1, or no variance.

    >>> round(find_power(0.048, seed_parts(3, 0.02, 0.005), 0.05 / 16), 2)
    0.09
    """
    return _power(effect, *_thresholds(parts, level))


def smallest_effect(parts: _Parts, level: float = 0.05, power: float = 0.8) -> float:
    """The difference that a two-sided test finds with this power; NaN where the error is unknown, 0 without any.

    Args:
        parts: (variance of the mean, degrees of freedom) of each source of error.
        level: of the test.
        power: probability of finding it.

    Raises:
        RegardError: a level or power that is not between 0 and 1.

    >>> round(smallest_effect(((0.01, 1e6),)), 3)  # 2.80 standard errors
    0.28
    """
    if not 0 < power < 1:
        raise RegardError(f"smallest_effect: power={power} is not between 0 and 1; use for example power=.8")
    if not parts:
        return math.nan
    if sum(variance for variance, _ in parts) == 0:
        return 0.0
    thresholds, se = _thresholds(parts, level)
    high = float(thresholds.max()) + 10 * se
    return float(brentq(lambda effect: _power(effect, thresholds, se) - power, 0.0, high, rtol=1e-6))


def seed_parts(
    seeds: int, seed_sd: float, image_se: float = 0.0, *, arms: int | None = None
) -> tuple[tuple[float, float], ...]:
    """The sources of error of a paired difference with so many seeds.

    Args:
        seeds: at least two.
        seed_sd: standard deviation of the difference over seeds.
        image_se: standard error that is left with any number of seeds, as all judge the same images.
        arms: number of arms over which the variance is pooled: (arms - 1)(seeds - 1) degrees of freedom, which arms
            that vary alike have; None for seeds - 1.

    >>> seed_parts(3, 0.03, arms=7)
    ((0.0003, 12.0), (0.0, 1000000.0))
    """
    if seeds < 2:
        raise RegardError(f"seeds={seeds}: a test over seeds needs at least two")
    df = (seeds - 1.0) * (1 if arms is None or arms < 3 else arms - 1)
    return (seed_sd**2 / seeds, df), (image_se**2, _KNOWN)


def seeds_needed(
    effect: float,
    seed_sd: float,
    image_se: float = 0.0,
    *,
    arms: int | None = None,
    level: float = 0.05,
    power: float = 0.8,
) -> int | None:
    """The fewest seeds with which a difference is found with this power; None where 1,000 do not suffice.

    Args:
        effect: the true difference.
        seed_sd: standard deviation of the difference over seeds.
        image_se: standard error that is left with any number of seeds.
        arms: number of arms over which the variance is pooled; None for each difference alone.
        level: of the test.
        power: probability of finding it.

    >>> seeds_needed(0.048, 0.02, 0.005, level=0.05 / 16), seeds_needed(0.048, 0.02, 0.005, arms=7, level=0.05 / 16)
    (7, 4)
    """

    def enough(seeds: int) -> bool:
        return find_power(effect, seed_parts(seeds, seed_sd, image_se, arms=arms), level) >= power

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low >= _MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _thresholds(parts: _Parts, level: float) -> tuple[NDArray[np.float64], float]:
    """Which difference is significant, at equally probable draws of the estimated variances; and the true error."""
    if not 0 < level < 1:
        raise RegardError(f"level={level} of a test is not between 0 and 1; use for example level=.05")
    own = [(variance, df) for variance, df in parts if variance > 0]
    if not own:
        raise RegardError("power: no source of error has a variance; measure with two seeds or more")
    each = max(2, round(_NODES ** (1 / len(own))))
    nodes = (np.arange(each) + 0.5) / each
    drawn = np.meshgrid(*(v * 2 / df * gammaincinv(df / 2, nodes) for v, df in own), indexing="ij")
    total = sum(drawn)
    quantile = sum(v * -stdtrit(df, level / 2) for v, (_, df) in zip(drawn, own, strict=True)) / total
    return (quantile * np.sqrt(total)).ravel(), math.sqrt(sum(v for v, _ in own))


def _power(effect: float, thresholds: NDArray[np.float64], se: float) -> float:
    return float((ndtr((effect - thresholds) / se) + ndtr((-effect - thresholds) / se)).mean())
