import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.metrics.oracles import random_map

from regard.metrics import controls
from regard.types import Map, RegardError


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0, 4.0])
def test_bandwidth_recovers_the_blur_of_noise(sigma):
    maps = controls.blurred_noise((96, 80), sigma, index=torch.arange(10))
    assert controls.bandwidth(maps).mean().item() == pytest.approx(sigma, rel=0.05)


def test_bandwidth_ignores_scale_and_offset_and_is_bounded():
    maps = controls.blurred_noise((24, 24), 2.0, index=torch.arange(3))
    moved = Map(7 + 3 * maps.values, "relevance")
    assert torch.allclose(controls.bandwidth(maps), controls.bandwidth(moved), rtol=1e-3)
    chessboard = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    assert controls.bandwidth(Map(chessboard[None, None].float(), "gate")).item() == 0
    assert controls.bandwidth(controls.uniform_map(2, (8, 8))).isnan().all()
    assert controls.bandwidth(controls.uniform_map(1, (1, 1))).isnan().all()


def test_noise_depends_only_on_seed_and_image():
    together = controls.blurred_noise((9, 7), 1.5, index=torch.tensor([3, 8, 5]), seed=1)
    alone = controls.blurred_noise((9, 7), 1.5, index=torch.tensor([8]), seed=1)
    other = controls.blurred_noise((9, 7), 1.5, index=torch.tensor([8]), seed=2)
    assert torch.equal(together.values[1:2], alone.values)
    assert not torch.allclose(alone.values, other.values)
    assert together.values.amin((1, 2, 3)).tolist() == [0.0] * 3
    assert together.values.amax((1, 2, 3)).tolist() == [1.0] * 3


def test_noise_of_each_image_may_have_its_own_bandwidth():
    maps = controls.blurred_noise((64, 64), torch.tensor([1.0, 4.0]), index=torch.tensor([0, 1]))
    narrow, wide = controls.bandwidth(maps).tolist()
    assert narrow == pytest.approx(1, rel=0.1)
    assert wide == pytest.approx(4, rel=0.25)


def test_noise_is_uniform_over_positions():
    maps = controls.blurred_noise((12, 12), 1.5, index=torch.arange(1500)).values
    spread = maps.std(0).mean() / math.sqrt(1500)
    assert (maps.mean(0) - maps.mean()).abs().max() < 5 * spread


def test_one_cell_and_no_image():
    assert controls.blurred_noise((1, 1), 2.0, index=torch.tensor([4])).values.item() == 0.5
    assert controls.blurred_noise((3, 2), 2.0, index=torch.zeros(0, dtype=torch.long)).values.shape == (0, 1, 3, 2)


def test_random_like_has_the_maps_values_and_smoothness_in_other_places():
    map = controls.blurred_noise((48, 48), 2.5, index=torch.arange(5), seed=9)
    map = Map(map.values**2, "bits")
    control = controls.random_like(map, index=torch.arange(5))
    assert control.unit == "bits"
    assert torch.equal(control.values.flatten(1).sort(1).values, map.values.flatten(1).sort(1).values)
    assert torch.allclose(controls.bandwidth(control), controls.bandwidth(map), rtol=0.2)
    both = torch.stack([control.values.flatten(), map.values.flatten()])
    assert abs(torch.corrcoef(both)[0, 1]) < 0.2


def test_random_like_of_a_constant_map_is_that_map():
    flat = controls.uniform_map(2, (5, 5))
    assert torch.equal(controls.random_like(flat, index=torch.arange(2)).values, flat.values)
    with pytest.raises(RegardError, match="3 indices for 2 maps"):
        controls.random_like(flat, index=torch.arange(3))


def test_centre_is_symmetric_with_the_stated_spread():
    map = controls.center_map(2, (20, 40), spread=0.1).values
    assert torch.allclose(map, map.flip(2))
    assert torch.allclose(map, map.flip(3))
    density = map[0, 0] / map[0, 0].sum()
    x, y = torch.arange(40) - 19.5, torch.arange(20) - 9.5
    assert (density.sum(0) * x**2).sum().sqrt().item() == pytest.approx(4, rel=0.02)
    assert (density.sum(1) * y**2).sum().sqrt().item() == pytest.approx(2, rel=0.02)
    with pytest.raises(RegardError, match="spread"):
        controls.center_map(1, (2, 2), spread=0.0)


@given(count=st.integers(2, 40), seed=st.integers(0, 10_000))
def test_derangement_moves_every_item_and_keeps_all(count, seed):
    order = controls.derangement(count, seed=seed)
    assert sorted(order.tolist()) == list(range(count))
    assert (order != torch.arange(count)).all()


def test_permuted_gives_each_image_another_images_map():
    map = Map(torch.arange(6.0)[:, None, None, None].expand(6, 1, 2, 2), "gate")
    moved = controls.permuted(map, seed=4)
    assert torch.equal(moved.values[:, 0, 0, 0].long(), controls.derangement(6, seed=4))
    with pytest.raises(RegardError, match="at least two"):
        controls.permuted(Map(torch.ones(1, 1, 2, 2), "gate"))


def test_the_centre_floor_has_the_maps_values_and_its_peak_in_the_middle():
    map = random_map(2, size=(9, 9))
    floors = controls.floor_maps(map, index=torch.tensor([3, 4]))
    for floor in floors.values():
        assert torch.equal(floor.values.flatten(1).sort(1).values, map.values.flatten(1).sort(1).values)
    assert floors["center"].values.flatten(1).argmax(1).tolist() == [40, 40]
    corner = floors["center"].values[:, 0, 0, 0]
    assert (corner < map.values.flatten(1).median(1).values).all()
    flat = controls.center_like(controls.uniform_map(1, (3, 3)), index=torch.tensor([0]))
    assert flat.values.unique().tolist() == [1]
    with pytest.raises(RegardError, match="give one each"):
        controls.center_like(map, index=torch.tensor([0]))
