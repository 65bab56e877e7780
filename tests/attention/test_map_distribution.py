import pytest
import torch

from regard.attention import MapDistribution


def test_draws_have_the_stated_mean_and_standard_deviation():
    mean, std = torch.rand(2, 1, 3, 4), 0.05 + torch.rand(2, 1, 3, 4)
    draws = MapDistribution(mean, std).sample(20_000)
    assert draws.shape == (20_000, 2, 1, 3, 4)
    assert torch.all((draws.mean(0) - mean).abs() < 5 * std / 20_000**0.5)
    torch.testing.assert_close(draws.std(0), std, rtol=0.05, atol=0)
    assert draws.min() < 0  # unclamped
    neighbours = (draws[:, 0, 0, 0, 0] - mean[0, 0, 0, 0]) * (draws[:, 0, 0, 0, 1] - mean[0, 0, 0, 1])
    assert abs(neighbours.mean().item()) < 5 * (std[0, 0, 0, 0] * std[0, 0, 0, 1]).item() / 20_000**0.5


def test_draws_carry_gradients_to_both():
    mean, std = torch.rand(1, 1, 2, 2).requires_grad_(), torch.rand(1, 1, 2, 2).requires_grad_()
    MapDistribution(mean, std).sample(3).square().sum().backward()
    assert torch.all(mean.grad != 0)
    assert torch.all(std.grad != 0)


@pytest.mark.parametrize("samples", [1, 3])
def test_without_a_standard_deviation_all_draws_are_the_mean(samples):
    mean = torch.rand(2, 1, 3, 3)
    state = torch.get_rng_state()
    draws = MapDistribution(mean).sample(samples)
    assert draws.shape == (samples, 2, 1, 3, 3)
    assert all(torch.equal(draw, mean) for draw in draws)
    assert torch.equal(state, torch.get_rng_state())
