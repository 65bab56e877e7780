"""Gradients with respect to pixels, on models whose gradients are known."""

import pytest
import torch
from torch import nn

from regard.explain import explain


def linear(channels: int = 1, side: int = 4, classes: int = 3) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    layer = nn.Linear(channels * side * side, classes)
    return nn.Sequential(nn.Flatten(), layer), layer.weight.detach().view(classes, channels, side, side)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_linear_models_gradient_is_its_weights(channels: int) -> None:
    model, weights = linear(channels)
    images, target = torch.rand(5, channels, 4, 4), torch.tensor([0, 1, 2, 1, 0])
    signed = explain(model, images, "input_gradient", target=target, channels="sum")
    largest = explain(model, images, "input_gradient", target=target)
    assert torch.equal(signed.values, weights[target].sum(1, keepdim=True))
    assert torch.equal(largest.values, weights[target].abs().amax(1, keepdim=True))
    assert signed.unit == "relevance"


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients"])
def test_a_linear_models_shares_are_input_times_weight(method: str) -> None:
    model, weights = linear(3)
    images, target = torch.rand(5, 3, 4, 4), torch.tensor([0, 1, 2, 1, 0])
    shares = explain(model, images, method, target=target).values
    torch.testing.assert_close(shares, (images * weights[target]).sum(1, keepdim=True), atol=1e-6, rtol=0)


def test_integrated_gradients_start_at_the_baseline() -> None:
    model, weights = linear(3)
    images, base = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    target = torch.tensor([2, 0])
    shares = explain(model, images, "integrated_gradients", target=target, baseline=base).values
    torch.testing.assert_close(shares, ((images - base) * weights[target]).sum(1, keepdim=True), atol=1e-6, rtol=0)
