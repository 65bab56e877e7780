import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.metrics import information
from regard.types import RegardError


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_perplexity_usage_and_dead_agree_with_scipy_and_counting(indices):
    counts = information.anchor_counts(torch.tensor(indices), 7)
    expected = [indices.count(k) for k in range(7)]
    assert counts.tolist() == expected
    assert information.perplexity(counts) == pytest.approx(math.exp(scipy.stats.entropy(expected)))
    assert information.usage(counts).sum().item() == pytest.approx(1)
    assert information.dead(counts) == expected.count(0)


def test_code_length_is_the_sum_of_surprises_an_image():
    prior = torch.tensor([0.5, 0.25, 0.25])
    index = torch.tensor([[[[0, 0], [1, 2]]], [[[0, 0], [0, 0]]]])
    assert information.code_length(index, prior).tolist() == [6.0, 4.0]


def test_no_code_is_shorter_on_average_than_the_entropy():
    g = torch.Generator().manual_seed(0)
    index = torch.randint(4, (50, 1, 6, 6), generator=g)
    own = information.usage(information.anchor_counts(index, 4)).float()
    other = torch.tensor([0.4, 0.3, 0.2, 0.1])
    entropy = 36 * scipy.stats.entropy(own.numpy(), base=2)
    assert information.code_length(index, own).mean().item() == pytest.approx(entropy, rel=1e-5)
    assert information.code_length(index, other).mean().item() > entropy


def test_an_excluded_anchor_costs_infinitely_much_only_where_used():
    prior = torch.tensor([1.0, 0.0])
    assert information.code_length(torch.tensor([[0, 0], [0, 1]]), prior).tolist() == [0.0, math.inf]


def test_nothing_counted_has_no_usage():
    assert information.usage(torch.zeros(3, dtype=torch.long)).isnan().all()


@pytest.mark.parametrize("index", [-1, 4])
def test_index_out_of_range_is_refused(index):
    with pytest.raises(RegardError, match="for 4 anchors"):
        information.anchor_counts(torch.tensor([index]), 4)
    with pytest.raises(RegardError, match="for 4 anchors"):
        information.code_length(torch.tensor([[index]]), torch.full((4,), 0.25))


def test_a_prior_that_is_no_distribution_is_refused():
    with pytest.raises(RegardError, match="sums to 3"):
        information.code_length(torch.tensor([[0]]), torch.tensor([1.0, 2.0]))
