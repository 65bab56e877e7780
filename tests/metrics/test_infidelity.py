import pytest
import torch
from tests.metrics.oracles import WEIGHT, class_zero, constant_prediction, images, linear, linear_map, random_map

from regard.metrics import controls
from regard.metrics.faithfulness import infidelity, max_sensitivity
from regard.types import Map, RegardError


def black(x):
    return torch.zeros_like(x)


def test_the_contributions_of_a_linear_model_have_no_infidelity():
    x = images(3).double()
    assert (infidelity(linear, x, linear_map(x), class_zero(3), baseline=black(x), draws=16) < 1e-12).all()
    turned = Map(-7 * linear_map(x).values, "relevance")  # neither scale nor sign is a map's own
    assert (infidelity(linear, x, turned, class_zero(3), baseline=black(x), draws=16) < 1e-12).all()


def test_infidelity_is_the_residual_of_the_best_scale():
    """The same squared differences, with the regression written out."""
    from regard.metrics.faithfulness.captum import _square

    x, map = images(2).double(), random_map(2)
    generator = torch.Generator().manual_seed(3)
    squares = torch.stack([_square((8, 8), generator) for _ in range(12)]).double()
    for k in range(2):
        mass = (squares * map.values[k].double()).sum((1, 2, 3))
        fall = (squares * x[k] * WEIGHT).sum((1, 2, 3))
        scale = (mass * fall).sum() / mass.square().sum()
        expected = (scale * mass - fall).square().mean()
        value = infidelity(linear, x, map, class_zero(2), baseline=black(x), draws=12, seed=3)[k]
        assert value.item() == pytest.approx(expected.item(), abs=1e-9)
        assert value > 1e-6


def test_a_model_that_ignores_its_input_has_no_infidelity_with_any_map():
    assert infidelity(constant_prediction, images(2), random_map(2), class_zero(2), draws=4).tolist() == [0, 0]


def test_infidelity_does_not_depend_on_batch_size_or_other_images():
    x, map = images(4).double(), random_map(4)
    whole = infidelity(linear, x, map, class_zero(4), draws=6, batch_size=1000)
    parts = infidelity(linear, x, map, class_zero(4), draws=6, batch_size=3)
    alone = infidelity(linear, x[2:3], Map(map.values[2:3], "relevance"), class_zero(1), draws=6, batch_size=4)
    assert torch.allclose(whole, parts, atol=1e-9)
    assert torch.allclose(whole[2:3], alone, atol=1e-9)


def test_memory_is_bounded_by_the_batch():
    largest = []

    def record(x):
        largest.append(len(x))
        return linear(x)

    infidelity(record, images(4).double(), random_map(4), class_zero(4), draws=9, batch_size=5)
    assert max(largest) <= 5


def test_an_imputation_and_bad_numbers_are_refused_and_nan_is_undefined():
    with pytest.raises(RegardError, match="not known beforehand"):
        infidelity(constant_prediction, images(1), random_map(1), class_zero(1), baseline="noisy_linear")
    with pytest.raises(RegardError, match="at least 1"):
        infidelity(constant_prediction, images(1), random_map(1), class_zero(1), draws=0)
    map = random_map(2)
    map.values[0, 0, 0, 0] = torch.nan
    assert infidelity(constant_prediction, images(2), map, class_zero(2), draws=2).isnan().tolist() == [True, False]


def brightness(x, _):
    return Map(x.mean(1, keepdim=True), "relevance")


def test_sensitivity_of_brightness_is_the_largest_noise():
    x = torch.full((2, 3, 4, 4), 0.5)
    generator = torch.Generator().manual_seed(0)
    noise = [(2 * torch.rand(1, 3, 4, 4, generator=generator) - 1) * 0.02 for _ in range(5)]
    expected = max((n.mean(1).norm() / x[0].mean(0).norm()).item() for n in noise)
    value = max_sensitivity(brightness, x, class_zero(2), draws=5)
    assert value.tolist() == pytest.approx([expected] * 2, abs=1e-6)
    assert torch.allclose(value, max_sensitivity(brightness, x, class_zero(2), draws=5, batch_size=3), atol=1e-6)


def test_sensitivity_of_a_constant_map_is_zero_and_of_an_all_zero_map_undefined():
    assert max_sensitivity(
        lambda x, _: controls.uniform_map(len(x), (2, 2)), images(2), class_zero(2), draws=2
    ).tolist() == [
        0,
        0,
    ]
    zero = max_sensitivity(
        lambda x, _: Map(torch.zeros(len(x), 1, 2, 2), "relevance"), images(2), class_zero(2), draws=2
    )
    assert zero.isnan().all()


def test_maps_are_of_the_class_of_each_image_with_gradients_on():
    calls = []

    def explain(x, classes):
        calls.append((len(x), classes.tolist(), torch.is_grad_enabled()))
        return brightness(x, classes)

    max_sensitivity(explain, images(2), torch.tensor([4, 7]), draws=2)
    assert calls == [(2, [4, 7], True), (4, [4, 4, 7, 7], True)]
    with pytest.raises(RegardError, match="> 0"):
        max_sensitivity(explain, images(1), class_zero(1), radius=0.0)
