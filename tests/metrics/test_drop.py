import pytest
import torch
from tests.metrics.oracles import (
    OnePixel,
    class_zero,
    constant_prediction,
    images,
    linear,
    linear_map,
    mean_of_pixels,
    random_map,
)

from regard.metrics import controls
from regard.metrics.faithfulness import drop
from regard.types import Map, RegardError


def test_a_linear_model_drops_by_its_masked_contribution():
    x, map = images(3).double(), linear_map(images(3).double())
    low, high = map.values.amin((2, 3), keepdim=True), map.values.amax((2, 3), keepdim=True)
    mask = (map.values - low) / (high - low)
    p = linear(x)[:, 0]
    o = linear(x * mask)[:, 0]
    result = drop(linear, x, map, class_zero(3), baseline=torch.zeros_like(x))
    assert torch.allclose(result.drop.double(), ((p - o) / p).clamp_min(0), atol=1e-6)
    assert torch.equal(result.increase.double(), (o > p).double())
    assert torch.allclose(result.kept.double(), mask.mean((1, 2, 3)), atol=1e-6)


def test_one_pixel_kept_keeps_everything_and_one_pixel_hidden_loses_everything():
    x, model = torch.full((1, 3, 8, 8), 0.5), OnePixel(2, 5)
    black = torch.zeros_like(x)
    assert drop(model, x, model.map(x), class_zero(1), baseline=black).drop.item() == 0
    hidden = Map(1 - model.map(x).values, "relevance")
    assert drop(model, x, hidden, class_zero(1), baseline=black).drop.item() == 1
    raised = drop(model, x, hidden, class_zero(1), baseline=torch.ones_like(x))
    assert (raised.drop.item(), raised.increase.item()) == (0, 1)


def test_the_sum_of_pixels_drops_by_the_share_that_is_hidden():
    x = torch.ones(1, 3, 8, 8)
    half = torch.zeros(1, 1, 8, 8)
    half[..., :4] = 1
    result = drop(mean_of_pixels, x, Map(half, "gate"), class_zero(1), baseline=torch.zeros_like(x))
    assert (result.drop.item(), result.increase.item(), result.kept.item()) == (0.5, 0, 0.5)


@pytest.mark.parametrize("baseline", ["mean", "blur"])
def test_a_model_that_ignores_its_input_neither_drops_nor_rises(baseline):
    result = drop(constant_prediction, images(2), random_map(2), class_zero(2), baseline=baseline)
    assert result.drop.tolist() == [0, 0]
    assert result.increase.tolist() == [0, 0]


def test_maps_without_a_range_and_classes_without_probability_are_undefined():
    x = images(2)
    assert drop(constant_prediction, x, controls.uniform_map(2, (3, 3)), class_zero(2)).drop.isnan().all()
    assert drop(constant_prediction, x, Map(torch.zeros(2, 1, 3, 3), "relevance"), class_zero(2)).increase.isnan().all()
    never = drop(lambda y: torch.tensor([[0.0, 1.0]]).repeat(len(y), 1), x, random_map(2), class_zero(2))
    assert never.drop.isnan().all()


def test_drop_does_not_depend_on_batch_size_or_map_scale():
    x, map = images(5), random_map(5)
    whole = drop(mean_of_pixels, x, map, class_zero(5)).drop
    parts = drop(mean_of_pixels, x, Map(3 * map.values - 7, "relevance"), class_zero(5), batch_size=2).drop
    assert torch.allclose(whole, parts, atol=1e-5)


def test_imputation_is_refused_and_so_are_unequal_lengths():
    with pytest.raises(RegardError, match="gone altogether"):
        drop(constant_prediction, images(1), random_map(1), class_zero(1), baseline="noisy_linear")
    with pytest.raises(RegardError, match="2 maps"):
        drop(constant_prediction, images(1), random_map(2), class_zero(1))
