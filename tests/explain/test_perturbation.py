"""Occlusion, RISE and SmoothGrad on models with known explanations."""

import pytest
import torch
from tests.explain.toys import Linear, deep
from torch import Tensor, nn

from regard.explain import ZeroMapWarning, explain
from regard.explain.perturbation import RandomMasks
from regard.types import RegardError


class OnePixel(nn.Module):
    """Two logits: the brightness of one pixel, and zero."""

    def forward(self, images: Tensor) -> Tensor:
        pixel = images[:, :, 5, 2].mean(1)
        return torch.stack([pixel, 0 * pixel], 1)


class ConstantModel(nn.Module):
    """Ignores its input."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, 1.7]))

    def forward(self, images: Tensor) -> Tensor:
        return self.bias.expand(len(images), 2)


def test_occlusion_of_single_pixels_is_a_linear_models_share() -> None:
    torch.manual_seed(0)
    weights = torch.randn(3, 3, 4, 6)
    images, target = torch.rand(2, 3, 4, 6), torch.tensor([2, 1])
    map = explain(Linear(weights), images, "occlusion", target=target, window=1, stride=1, baseline=0)
    torch.testing.assert_close(map.values, (images * weights[target]).sum(1, keepdim=True), atol=1e-5, rtol=0)


def test_all_pixels_of_a_window_get_the_same_value() -> None:
    images = torch.ones(1, 1, 4, 4)
    map = explain(Linear(torch.ones(1, 1, 4, 4)), images, "occlusion", window=2, stride=2, baseline=0.5)
    assert map.values.tolist() == [[[[2.0] * 4] * 4]], "four pixels lose a half each"


def test_every_method_finds_the_only_relevant_pixel() -> None:
    torch.manual_seed(0)
    images, target = 0.3 + 0.7 * torch.rand(2, 3, 8, 8), torch.tensor([0, 0])
    for method, options in (
        ("input_gradient", {}),
        ("input_x_gradient", {}),
        ("integrated_gradients", {"steps": 4}),
        ("smooth_grad", {"samples": 3}),
        ("occlusion", {"window": 1, "baseline": 0}),
        ("rise", {"cells": 8, "samples": 600, "baseline": 0, "score": "logit"}),
    ):
        map = explain(OnePixel(), images, method, target=target, **options).values
        assert map.flatten(1).argmax(1).tolist() == [42, 42], method
        if method not in ("rise",):
            assert (map != 0).sum() == 2, method


def test_maps_of_a_model_that_ignores_its_input_are_constant() -> None:
    images = torch.rand(2, 3, 8, 8)
    for method, options in (
        ("input_gradient", {}),
        ("input_x_gradient", {}),
        ("integrated_gradients", {"steps": 4}),
        ("smooth_grad", {"samples": 3}),
        ("occlusion", {}),
    ):
        with pytest.warns(ZeroMapWarning, match=f"{method}: 2 of 2 maps are zero everywhere"):
            map = explain(ConstantModel(), images, method, **options)
        assert (map.values == 0).all(), method
    constant = explain(ConstantModel(), images, "rise", samples=50).values
    expected = ConstantModel().bias.softmax(0)[1].detach()
    torch.testing.assert_close(constant, expected.expand_as(constant), atol=1e-6, rtol=0)


def test_rise_is_the_mean_over_masks_written_out() -> None:
    torch.manual_seed(0)
    model, images, target = deep().eval(), torch.rand(2, 3, 11, 9), torch.tensor([4, 1])
    options = {"samples": 30, "cells": 3, "keep": 0.4, "seed": 5}
    map = explain(model, images, "rise", target=target, baseline=0, **options).values
    masks = RandomMasks(30, 3, 0.4, (11, 9), 5).take(0, 30, torch.device("cpu"))
    for b in range(2):
        above, below = torch.zeros(11, 9), torch.zeros(11, 9)
        for mask in masks:
            p = model(images[b : b + 1] * mask).softmax(1)[0, target[b]].detach()
            above, below = above + p * mask[0], below + mask[0]
        torch.testing.assert_close(map[b, 0], above / below, atol=1e-6, rtol=1e-5)


def test_masks_are_shifted_grids_of_the_given_share() -> None:
    masks = RandomMasks(400, 4, 0.3, (20, 13), 0)
    values = masks.take(0, 400, torch.device("cpu"))
    assert values.shape == (400, 1, 20, 13)
    assert 0 <= values.min() < values.max() <= 1
    assert values.mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(values[7:9], masks.take(7, 2, torch.device("cpu")))
    assert len({tuple(pair) for pair in zip(*masks.shift, strict=True)}) == 5 * 4, "every shift within a cell"
    assert (values.mean(0) - 0.3).abs().max() < 0.1, "no place is favoured"


def test_smooth_grad_is_the_mean_gradient_of_noisy_copies() -> None:
    torch.manual_seed(0)
    model, images, target = deep().eval(), torch.rand(2, 3, 12, 10), torch.tensor([4, 1])
    images[1] *= 0.5
    generator = torch.Generator().manual_seed(9)
    total = torch.zeros_like(images)
    for _ in range(7):
        eps = torch.randn(3, 12, 10, generator=generator)
        for b in range(2):
            noisy = (images[b] + 0.2 * (images[b].max() - images[b].min()) * eps)[None].requires_grad_()
            total[b] += torch.autograd.grad(model(noisy)[0, target[b]], noisy)[0][0] / 7
    options = {"samples": 7, "noise": 0.2, "seed": 9, "channels": "sum"}
    map = explain(model, images, "smooth_grad", target=target, **options).values
    torch.testing.assert_close(map, total.sum(1, keepdim=True), atol=1e-6, rtol=1e-4)
    still = explain(model, images, "smooth_grad", target=target, noise=0.0).values
    torch.testing.assert_close(still, explain(model, images, "input_gradient", target=target).values)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("occlusion", {"window": 9}, "window=9, stride=4: a window inside 8x8"),
        ("occlusion", {"window": 2, "stride": 3}, "stride of at most the window"),
        ("occlusion", {"baseline": "blue"}, "baseline is 'blue'; expected 'mean'"),
        ("occlusion", {"baseline": torch.zeros(3, 4, 4)}, r"baseline is a tensor \(3, 4, 4\); expected 'mean'"),
        ("rise", {"score": "loss"}, "score is 'loss'; expected 'logit', 'probability'"),
        ("rise", {"keep": 1.0}, r"keep in \(0, 1\)"),
        ("rise", {"batch": 0}, "batch=0"),
        ("smooth_grad", {"samples": 0}, "samples=0"),
        ("input_gradient", {"channels": "first"}, "channels is 'first'; expected 'largest'"),
        ("random", {"bandwidth": -1.0}, "gaussian_blur: sigma"),
    ],
)
def test_invalid_options_are_named(method: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(RegardError, match=message) as error:
        explain(OnePixel(), torch.rand(1, 3, 8, 8), method, **options)
    assert str(error.value).startswith(method)
