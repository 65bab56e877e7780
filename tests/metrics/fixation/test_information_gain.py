import math

import pytest
import torch
from tests.metrics.fixation.golden import points

from regard.metrics.fixation import information_gain, log_likelihood
from regard.types import RegardError


def log_density(values):
    values = torch.tensor(values, dtype=torch.float64)[None, None]
    return (values / values.sum()).log()


def test_by_hand():
    model = log_density([[1.0, 2.0], [4.0, 1.0]])
    uniform = log_density([[1.0, 1.0], [1.0, 1.0]])
    xy = points([[(0, 1), (1, 0)]])
    assert information_gain(model, xy, uniform).item() == pytest.approx((math.log2(2) + math.log2(1)) / 2)
    assert information_gain(model, xy, model).item() == 0
    assert log_likelihood(model, xy).item() == pytest.approx((math.log(0.5) + math.log(0.25)) / 2)


def test_expectation_is_the_difference_of_entropies():
    """Fixations in exact proportion to a known density gain log2(pixels) minus its entropy."""
    density = torch.tensor([[4.0, 2.0], [1.0, 1.0]], dtype=torch.float64) / 8
    xy = points([[(0, 0)] * 4 + [(1, 0)] * 2 + [(0, 1), (1, 1)]])
    entropy = -(density * density.log2()).sum().item()
    gain = information_gain(density.log()[None, None], xy, log_density([[1.0, 1.0], [1.0, 1.0]])).item()
    assert gain == pytest.approx(2 - entropy, abs=1e-12)


def test_undefined_and_impossible():
    model = log_density([[0.0, 1.0], [1.0, 1.0]])
    uniform = log_density([[1.0, 1.0], [1.0, 1.0]])
    assert information_gain(model, points([[(0, 0)]]), uniform).item() == -math.inf
    assert information_gain(model, points([[(1, 0)]]), uniform).item() > 0
    assert information_gain(model, points([[(1, 0)]])[:, :0], uniform).isnan().all()


def test_a_map_is_no_density():
    with pytest.raises(RegardError, match="no log-density"):
        information_gain(torch.rand(1, 1, 2, 2), points([[(0, 0)]]), log_density([[1.0, 1.0], [1.0, 1.0]]))


def test_gradient():
    scores = torch.rand(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    uniform = log_density([[1.0, 1, 1], [1, 1, 1]])

    def gain(s):
        return information_gain(s.flatten(1).log_softmax(1).view_as(s), points([[(0, 0), (2, 1)]]), uniform)

    assert torch.autograd.gradcheck(gain, scores)
