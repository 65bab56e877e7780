import math

import pytest
import torch

from regard.attention import CenterMap, RandomMap, UniformMap


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
def test_a_fixed_map_looks_at_no_content(features, build):
    proposal = build()
    assert torch.equal(proposal(features).mean, proposal(features * -3 + 1).mean)
    assert list(proposal.parameters()) == []
