"""Intervals of shares stay in [0, 1]."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from regard.experiments.stats import Estimate, average, crossed_mean, share_interval
from regard.experiments.tables import mean_over_runs
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.table import mean_over_seeds
from regard.types import RegardError


@pytest.mark.parametrize(("hits", "of"), [(1, 10), (5, 10), (99, 100), (370, 1000)])
def test_of_a_proportion_it_is_wilsons_interval(hits: int, of: int) -> None:
    p = hits / of
    expected = proportion_confint(hits, of, method="wilson")
    assert share_interval(p, math.sqrt(p * (1 - p) / of), 1.959964) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("hits", [0, 10])
def test_without_spread_it_is_wilsons_interval_of_the_items(hits: int) -> None:
    values = np.full((3, 10), hits / 10)
    estimate = mean_over_runs(values, share=True)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(hits, 10, method="wilson"), abs=1e-9)


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 1), st.floats(0, 2), st.floats(0, 20))
def test_it_stays_inside_and_holds_the_share(value: float, se: float, quantile: float) -> None:
    low, high = share_interval(value, se, quantile)
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1


def test_far_from_the_ends_it_is_the_symmetric_one() -> None:
    assert share_interval(0.5, 0.001, 2.0) == pytest.approx((0.498, 0.502), abs=1e-6)
    assert share_interval(0.8, 0.001, 2.0) == pytest.approx((0.798, 0.802), abs=1e-5)


@pytest.mark.parametrize("numbers", [[0.26, 0.67, 0.84], [0.99, 1.0, 0.95], [0.01, 0.0, 0.0], [1.0, 1.0]])
def test_means_over_seeds_stay_inside(numbers: list[float]) -> None:
    for estimate in (mean_over_seeds(numbers, share=True), crossed_mean(np.array([numbers] * 2).T, share=True)):
        assert 0 <= estimate.low <= np.mean(numbers) <= estimate.high <= 1
        assert estimate.value == pytest.approx(np.mean(numbers))
    plain = mean_over_seeds(numbers)
    assert plain.p_above(0.5) == mean_over_seeds(numbers, share=True).p_above(0.5), "p values are those of any mean"


def test_a_mean_of_shares_is_a_share() -> None:
    shares = [mean_over_seeds([0.9, 0.99, 1.0], share=True)] * 2
    assert 0 <= average(shares).low <= average(shares).high <= 1
    assert not average([shares[0], mean_over_seeds([0.9, 0.99, 1.0])]).share


def test_its_coverage_over_seeds_is_nominal() -> None:
    rng, held = np.random.default_rng(0), {0.05: 0, 0.5: 0, 0.95: 0}
    for share in held:
        for _ in range(1000):
            seeds = rng.beta(20 * share, 20 * (1 - share), 5)
            low, high = mean_over_seeds(list(seeds), share=True).interval()
            held[share] += low <= share <= high
    assert all(count > 915 for count in held.values()), held


@pytest.mark.parametrize("value", [-0.1, 1.2])
def test_what_is_no_share_is_refused(value: float) -> None:
    with pytest.raises(RegardError, match=f"{value} is not between 0 and 1"):
        Estimate(value, ((0.1, 2.0),), share=True)


def test_rounding_beyond_the_ends_is_no_error() -> None:
    assert share_interval(1 + 1e-8, 0.0, 2.0) == (1.0, 1.0)
    assert math.isnan(Estimate(math.nan, share=True).low)


def test_columns_whose_values_lie_between_0_and_1_are_shares() -> None:
    words = ("accuracy", "energy", "area", "pointing", "auc", "auroc", "consistent", "calibration", "near_parts")
    for key, column in COLUMNS.items():
        if key == "auc_inside_share":
            assert not column.share, "a map that is worse than chance has less than 0"
        else:
            assert column.share == any(word in key for word in words), key


def test_ends_of_every_kind_are_numbers() -> None:
    shares: list[Any] = [np.zeros((4, 6)), np.ones((4, 6)), np.eye(4, 6), np.full((4, 6), 0.5)]
    for values in shares:
        estimate = crossed_mean(values, share=True)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
