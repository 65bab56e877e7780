import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.metrics.ranking import nearest_counts, removal_order
from regard.types import Map


def row(*values):
    return Map(torch.tensor([[[values]]], dtype=torch.float32), "relevance")


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.booleans())
def test_order_counts_the_pixels_at_least_as_relevant(values, least_first):
    sign = -1 if least_first else 1
    expected = [sum(sign * u >= sign * v for u in values) for v in values]
    order = removal_order(row(*values), (1, len(values)), least_first=least_first)
    assert order.tolist() == [expected]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 12))
def test_counts_end_groups_include_both_ends_and_are_nearest(values, steps):
    order = removal_order(row(*values), (1, len(values)))
    counts = nearest_counts(order, steps)[0].tolist()
    ends = sorted({0, *order[0].tolist()})
    assert counts[0] == 0
    assert counts[-1] == len(values)
    assert counts == sorted(counts)
    targets = torch.linspace(0, len(values), steps + 1).round().long().tolist()
    for count, target in zip(counts, targets, strict=True):
        assert count in ends
        assert abs(count - target) == min(abs(e - target) for e in ends)


def test_a_map_with_88_percent_zeros_keeps_its_ranks_and_removes_the_zeros_together():
    values = torch.zeros(100)
    values[torch.arange(12) * 7] = torch.arange(1.0, 13.0)
    map = Map(values.view(1, 1, 10, 10), "relevance")
    order = removal_order(map, (10, 10))[0]
    assert order[values > 0].sort().values.tolist() == list(range(1, 13))
    assert (order[values == 0] == 100).all()
    assert nearest_counts(order[None], 10)[0].tolist() == [0, 10, 12, 12, 12, 12, 100, 100, 100, 100, 100]
    reverse = removal_order(map, (10, 10), least_first=True)[0]
    assert (reverse[values == 0] == 88).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7])
def test_a_constant_map_is_one_group_after_resizing_too(value):
    map = Map(torch.full((1, 1, 5, 7), value), "relevance")
    assert (removal_order(map, (37, 41)) == 37 * 41).all()


def test_resizing_does_not_split_a_plateau():
    values = torch.full((1, 1, 6, 6), 1 / 3)
    values[..., :3] = 0.1
    order = removal_order(Map(values, "gate"), (60, 60)).view(60, 60)
    assert order[:, 35:].unique().numel() == 1
    assert order[:, :25].unique().tolist() == [3600]


def test_random_orders_leave_no_ties_but_keep_the_groups():
    map = row(1, 0, 0, 0, 2, 2)
    orders = {tuple(removal_order(map, (1, 6), shuffle=seed)[0].tolist()) for seed in range(200)}
    assert len(orders) == 12  # 2! x 3! arrangements within the ties
    for order in orders:
        assert sorted(order) == [1, 2, 3, 4, 5, 6]
        assert set(order[4:]) == {1, 2}
        assert order[0] == 3
