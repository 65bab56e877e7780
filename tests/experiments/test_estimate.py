import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regard.experiments.stats import Estimate, average
from regard.types import RegardError

parts = st.lists(st.tuples(st.floats(1e-6, 10), st.floats(1, 500)), min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize("df", [1.0, 2.0, 30.0])
def test_with_one_source_it_is_students_t(df: float) -> None:
    e = Estimate(1.5, ((0.25, df),))
    assert e.interval(0.9) == pytest.approx(stats.t.interval(0.9, df, 1.5, 0.5))
    assert e.p_above(1.0) == pytest.approx(stats.t.sf(1.0, df), rel=1e-6)
    assert e.p_below(1.0) == pytest.approx(stats.t.cdf(1.0, df), rel=1e-6)


def test_degrees_of_freedom_weight_two_sources_by_variance() -> None:
    e = Estimate(0.0, ((3.0, 2.0), (1.0, 100.0)))
    expected = 0.75 * stats.t.isf(0.01, 2) + 0.25 * stats.t.isf(0.01, 100)
    assert e.quantile(0.01) == pytest.approx(expected)
    assert e.se == 2.0


@settings(deadline=None, max_examples=50)
@given(parts, st.floats(-3, 3), st.floats(-3, 3))
def test_p_and_interval_agree(parts: tuple[tuple[float, float], ...], value: float, bound: float) -> None:
    e = Estimate(value, parts)
    p = e.p_above(bound)
    assert 0 < p < 1
    assert p + e.p_below(bound) == pytest.approx(1, abs=1e-6)
    if 1e-9 < p < 0.5:
        assert e.interval(1 - 2 * p)[0] == pytest.approx(bound, abs=1e-5 * (1 + abs(value - bound)))
    assert e.p_above(bound - 1) <= p + 1e-9


def test_without_variance_an_estimate_is_certain_and_without_parts_unknown() -> None:
    sure = Estimate(0.5, ((0.0, 3.0),))
    assert (sure.low, sure.high) == (0.5, 0.5)
    assert sure.p_above(0.4) < 1e-9
    assert sure.p_above(0.6) > 1 - 1e-9
    assert sure.p_above(0.5) == 0.5
    unknown = Estimate(0.5)
    assert math.isnan(unknown.low)
    assert unknown.p_above(-9.0) == unknown.p_below(9.0) == 1.0


def test_an_average_adds_variances_and_is_unknown_if_one_is() -> None:
    a, b = Estimate(1.0, ((4.0, 2.0),), 3, 3, 10, {"x": 1}), Estimate(3.0, ((8.0, 9.0),), 5, 5, 20, {"x": 2})
    both = average([a, b])
    assert (both.value, both.se, both.seeds, both.runs, both.images) == (2.0, math.sqrt(3.0), 3, 8, 30)
    assert both.left_out == {"x": 3}
    assert average([a, Estimate(3.0)]).parts == ()
    assert math.isnan(average([]).value)


def test_a_level_is_a_share() -> None:
    with pytest.raises(RegardError, match=r"level=95"):
        Estimate(0.0, ((1.0, 1.0),)).interval(95)
