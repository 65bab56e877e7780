import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regard.attention import (
    CenterMap,
    DeterministicMap,
    MapDistribution,
    RandomMap,
    UniformMap,
    VariationalMap,
    conv_head,
)
from regard.types import RegardError


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


def test_the_map_is_the_papers(features):
    proposal = VariationalMap(4)
    distribution = proposal(features)
    mean = torch.sigmoid(F.conv2d(features, proposal.head.weight, proposal.head.bias, padding=1))
    raw = F.conv2d(mean, proposal.std.weight, proposal.std.bias, padding=1)
    torch.testing.assert_close(distribution.mean, mean)
    torch.testing.assert_close(distribution.std, torch.log1p(torch.exp(raw - 5)))
    assert distribution.std.min() > 0


def test_without_its_noise_it_is_the_deterministic_map(features):
    head = conv_head(4)
    deterministic = DeterministicMap(4, head=head)(features)
    assert deterministic.std is None
    assert torch.equal(deterministic.mean, VariationalMap(4, head=head)(features).mean)


@pytest.mark.parametrize("initial", [0.1, 0.5, 0.8])
def test_a_head_starts_at_its_initial_value(initial):
    head = conv_head(64, initial)
    start = torch.sigmoid(head(torch.zeros(1, 64, 5, 5)))
    torch.testing.assert_close(start, torch.full((1, 1, 5, 5), initial))
    typical = torch.sigmoid(head(torch.randn(4, 64, 5, 5))).mean().item()
    assert typical == pytest.approx(initial, abs=0.1)


def test_a_custom_head_is_used(features):
    head = nn.Conv2d(4, 1, 1)
    assert torch.equal(VariationalMap(4, head=head)(features).mean, torch.sigmoid(head(features)))


def test_maps_stay_float32_under_autocast(features):
    proposal = VariationalMap(4)
    with torch.autocast("cpu", torch.bfloat16):
        distribution = proposal(features)
    assert distribution.mean.dtype == distribution.std.dtype == torch.float32
    torch.testing.assert_close(distribution.mean, proposal(features).mean, atol=0.02, rtol=0)


def test_the_standard_deviation_can_be_constant(features):
    constant = VariationalMap(4, initial_std=0.4, learned_std=False)
    torch.testing.assert_close(constant(features).std, torch.full_like(constant(features).std, 0.4))
    assert not any(p.requires_grad for p in constant.std.parameters())
    assert all(p.requires_grad for p in VariationalMap(4, initial_std=0.4).std.parameters())
    with pytest.raises(RegardError, match="give an initial_std"):
        VariationalMap(4, learned_std=False)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_uniform_is_one_value_everywhere(features, value):
    distribution = UniformMap(value=value)(features)
    assert distribution.mean.shape == (2, 1, 7, 9)
    assert torch.all(distribution.mean == value)
    assert distribution.std is None
    assert torch.all(distribution.sample(3) == value)


@pytest.mark.parametrize(("h", "w"), [(7, 9), (8, 8), (1, 5), (1, 1)])
def test_center_is_symmetric_and_falls_from_the_middle(h, w):
    values = CenterMap()(torch.zeros(2, 3, h, w)).mean
    assert values.shape == (2, 1, h, w)
    torch.testing.assert_close(values, values.flip(2))
    torch.testing.assert_close(values, values.flip(3))
    assert values[0, 0, h // 2, w // 2] == values.max()
    assert (values.max() == 1).item() is bool(h % 2 and w % 2)
    if (h, w) == (8, 8):
        assert values.max().item() == pytest.approx(0.94, abs=0.005)  # as the docstring says
    row = values[0, 0, h // 2, w // 2 :]
    assert torch.all(row[1:] < row[:-1])


def test_center_is_a_gaussian_whose_width_is_a_share_of_each_side():
    values = CenterMap(sigma=0.2)(torch.zeros(1, 3, 5, 10)).mean[0, 0]
    for y in range(5):
        for x in range(10):
            square = ((y + 0.5) / 5 - 0.5) ** 2 + ((x + 0.5) / 10 - 0.5) ** 2
            assert values[y, x].item() == pytest.approx(math.exp(-square / (2 * 0.2**2)), abs=1e-6)


def test_random_is_new_for_every_image_and_sample_smooth_and_inside():
    distribution = RandomMap(cells=4)(torch.zeros(50, 3, 16, 16))
    maps = distribution.sample(3)
    assert maps.shape == (3, 50, 1, 16, 16)
    assert maps.min() >= 0
    assert maps.max() <= 1
    flat = maps.flatten(0, 1).flatten(1)
    assert len(torch.unique(flat, dim=0)) == 150
    steps = (maps[..., 1:] - maps[..., :-1]).abs().max()
    assert steps <= 3 / 15 + 1e-6  # at most one unit over a coarse cell, which is 15/3 positions wide
    assert not torch.equal(distribution.sample(3), maps)
    assert torch.all(distribution.mean == 0.5)
    assert maps.mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 3)])
def test_random_maps_of_any_size(size):
    maps = RandomMap(cells=3)(torch.zeros(2, 3, *size)).sample(2)
    assert maps.shape == (2, 2, 1, *size)
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize("build", [UniformMap, CenterMap, RandomMap])
def test_a_fixed_map_does_not_depend_on_the_features(features, build):
    proposal = build()
    assert torch.equal(proposal(features).mean, proposal(features * -3 + 1).mean)
    assert list(proposal.parameters()) == []
