"""Power against the noncentral t distribution and against simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from regard.experiments.detectable import find_power, seed_parts, seeds_needed, smallest_effect
from regard.experiments.stats import Estimate
from regard.types import RegardError


def of_noncentral_t(effect: float, se: float, df: float, level: float) -> float:
    limit = stats.t.isf(level / 2, df)
    return float(stats.nct.sf(limit, df, effect / se) + stats.nct.cdf(-limit, df, effect / se))


@pytest.mark.parametrize("df", [2.0, 4.0, 12.0, 60.0])
@pytest.mark.parametrize("level", [0.05, 0.05 / 3])
@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0])
def test_with_one_source_it_is_the_power_of_a_t_test(df: float, level: float, effect: float) -> None:
    expected = of_noncentral_t(effect, 0.5, df, level)
    assert find_power(effect, ((0.25, df),), level) == pytest.approx(expected, abs=0.002)


def test_without_a_difference_the_power_is_the_level() -> None:
    for level in (0.05, 0.01):
        assert find_power(0.0, seed_parts(3, 0.02), level) == pytest.approx(level, rel=0.05)


@pytest.mark.parametrize(("seeds", "arms", "expected"), [(3, None, 0.09), (10, None, 0.97), (3, 7, 0.58), (10, 7, 1.0)])
def test_the_power_of_seven_arms_and_sixteen_claims(seeds: int, arms: int | None, expected: float) -> None:
    parts = seed_parts(seeds, 0.0203, 0.005, arms=arms)
    assert find_power(0.048, parts, 0.05 / 16) == pytest.approx(expected, abs=0.01)


def test_two_sources_agree_with_simulation() -> None:
    rng, parts, hits = np.random.default_rng(0), ((0.04, 3.0), (0.02, 20.0)), 0
    for _ in range(4000):
        drawn = tuple((v * rng.chisquare(df) / df, df) for v, df in parts)
        estimate = Estimate(0.6 + math.sqrt(0.06) * rng.normal(), drawn)
        hits += abs(estimate.value) > estimate.quantile(0.025) * estimate.se
    assert find_power(0.6, parts) == pytest.approx(hits / 4000, abs=0.025)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_smallest_effect_has_the_power(power: float, level: float) -> None:
    for parts in (seed_parts(3, 0.02, 0.005), seed_parts(5, 0.02, arms=6), ((1.0, 1e6),)):
        assert find_power(smallest_effect(parts, level, power), parts, level) == pytest.approx(power, abs=1e-4)
    assert smallest_effect(((1.0, 1e6),), level, power) == pytest.approx(
        stats.norm.isf(level / 2) + stats.norm.ppf(power), abs=2e-3
    )


def test_the_number_of_seeds_is_the_fewest_that_suffices() -> None:
    for effect in (0.03, 0.05, 0.1):
        for arms in (None, 4, 10):
            needed = seeds_needed(effect, 0.02, 0.005, arms=arms, level=0.05 / 3)
            assert needed is not None
            powers = [find_power(effect, seed_parts(n, 0.02, 0.005, arms=arms), 0.05 / 3) for n in range(2, needed + 1)]
            assert powers[-1] >= 0.8
            assert all(power < 0.8 for power in powers[:-1])
    assert seeds_needed(0.01, 0.02, 0.005) is None, "images leave more than can be seen"
    assert seeds_needed(5.0, 0.02) == 2


def test_unknown_and_absent_errors() -> None:
    assert math.isnan(smallest_effect(()))
    assert smallest_effect(((0.0, 3.0),)) == 0
    for level in (0.0, 1.0, 5.0):
        with pytest.raises(RegardError, match="level"):
            find_power(0.1, ((1.0, 2.0),), level)
    with pytest.raises(RegardError, match="power=1"):
        smallest_effect(((1.0, 2.0),), power=1.0)
    with pytest.raises(RegardError, match="no source"):
        find_power(0.1, ((0.0, 2.0),))
    with pytest.raises(RegardError, match="seeds=1"):
        seed_parts(1, 0.02)
