import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.objectives import Budget
from regard.types import NATS_PER_BIT, RegardError

BITS = NATS_PER_BIT


def multiplier(budget=20 * BITS, beta=1e-3, **options):
    return Budget("budget_bits", budget, beta, **options)


def follow(rate, start, updates):
    for _ in range(updates):
        start = start.update(rate(start.beta))
    return start


@settings(deadline=None)
@given(
    st.floats(0.01, 10),  # c, nats at beta 1
    st.floats(2, 400),  # budget, bits
    st.floats(1e-5, 1e-1),
)
def test_where_the_rate_falls_with_its_weight_the_budget_is_met(c, bits, beta):
    def rate(b):
        return c * b**-0.7

    solution = (c / (bits * BITS)) ** (1 / 0.7)
    start = multiplier(bits * BITS, beta, floor=1e-12)
    end = follow(rate, start, 160)
    assert end.beta == pytest.approx(max(solution, 1e-12), rel=0.05)
    if solution > 1e-12:
        assert rate(end.beta) == pytest.approx(bits * BITS, rel=0.02)
        end.check(rate(end.beta))


@settings(deadline=None)
@given(st.floats(0, 1e9), st.floats(1e-3, 1e4), st.floats(1e-7, 10))
def test_a_step_is_bounded_and_goes_the_right_way(rate, budget, beta):
    start = multiplier(budget, beta, step=2.0)
    end = start.update(rate)
    change = math.log(end.beta / beta)
    assert abs(change) <= 1 + 1e-9
    assert start.floor <= end.beta <= start.limit
    if rate > budget * 1.001:
        assert change > 0
    if rate < budget * 0.999:
        assert change < 0


def test_one_update_is_the_stated_formula():
    first = multiplier(10.0, 0.01, step=0.25, damping=0.5).update(15.0)
    assert first.beta == pytest.approx(0.01 * 1.5**0.25)
    assert first.update(12.0).beta == pytest.approx(first.beta * 1.2**0.25 * (12 / 15) ** 0.5)
    assert multiplier(10.0, 0.01).update(10.0).beta == pytest.approx(0.01)
    assert multiplier(10.0, 0.01).update(1e9).beta == pytest.approx(0.01 * math.e)


def lowest_and_last(damping):
    """A network that follows the price slowly: ln R moves a twentieth of the remaining way between two updates."""
    m, log_rate, lowest = multiplier(20.0, 1e-3, damping=damping), math.log(200.0), math.inf
    for _ in range(300):
        m = m.update(math.exp(log_rate))
        log_rate += (-0.7 * math.log(m.beta) - log_rate) / 20
        lowest = min(lowest, math.exp(log_rate))
    return lowest, math.exp(log_rate)


def test_damping_prevents_overshooting_of_a_slow_network():
    lowest, last = lowest_and_last(damping=1.0)
    assert lowest > 16.0
    assert last == pytest.approx(20.0, rel=0.01)
    assert lowest_and_last(damping=0.0)[0] < 12.0


def test_an_update_does_not_change_the_old_multiplier():
    start = multiplier()
    copy = dataclasses.replace(start)
    end = start.update(100.0)
    assert start == copy
    assert end != start
    assert (end.name, end.budget) == (start.name, start.budget)
    with pytest.raises(dataclasses.FrozenInstanceError):
        start.beta = 1.0


def test_a_multiplier_stores_the_range_of_measured_rates():
    end = multiplier()
    for rate in (30.0, 12.0, 18.0):
        end = end.update(rate)
    assert (end.lowest, end.highest) == (12.0, 30.0)


@pytest.mark.parametrize(
    ("target", "rate", "reached"),
    [
        (6, lambda b: BITS * (50 + b**-0.7), r"\[50\.\d, 175\.9\]"),  # never under 50 bits
        (400, lambda b: BITS * min(30, 125.9), r"\[30\.0, 30\.0\]"),  # never over 30
    ],
)
def test_a_budget_out_of_reach_is_an_error_with_the_field_and_the_range(target, rate, reached):
    end = follow(rate, multiplier(target * BITS), 80)
    with pytest.raises(RegardError, match=rf"budget_bits={target}\.0: .*{reached} bits"):
        end.check(rate(end.beta))


def test_within_a_tenth_is_reached_and_an_unfinished_search_is_no_error():
    at_limit = multiplier(10.0, beta=1e2)
    at_limit.check(10.9)
    with pytest.raises(RegardError, match="map_budget_bits"):
        dataclasses.replace(at_limit, name="map_budget_bits").update(12.0).check(12.0)
    multiplier(10.0).check(30.0)
