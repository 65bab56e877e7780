"""captum takes models of regard: its attributions run on `plain`, and learned attention is one of them."""

from typing import Any

import pytest
import torch
from captum.attr import Attribution, IntegratedGradients, LayerGradCam, Occlusion
from captum.metrics import infidelity, sensitivity_max
from torch import nn

import regard
from regard.captum import LearnedAttention
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.types import Map, RegardError

COMPACT: dict[str, Any] = {"backbone_options": {"widths": (4, 6, 8, 8)}, "input_size": (32, 48)}


def model(**options: Any) -> AttentiveClassifier:
    torch.manual_seed(0)
    return AttentiveClassifier("compact", 3, **{"attention": "noise", "at": "stage1"} | COMPACT | options).eval()


def images(count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 32, 48, generator=torch.Generator().manual_seed(count))


def test_integrated_gradients_of_a_plain_model_sum_to_the_difference_of_logits() -> None:
    plain, baseline = model(latent=4).plain(), torch.zeros(2, 3, 32, 48)
    target = torch.tensor([1, 2])
    attribution, delta = IntegratedGradients(plain).attribute(
        images(), baseline, target=target, n_steps=200, return_convergence_delta=True
    )
    with torch.no_grad():
        change = (plain(images()) - plain(baseline)).gather(1, target[:, None])[:, 0]
    assert torch.allclose(attribution.sum((1, 2, 3)).float(), change, atol=2e-2 * float(change.abs().max()) + 1e-4)
    assert delta.abs().max() < 0.02 * change.abs().max() + 1e-4


def test_layer_and_perturbation_methods_run() -> None:
    plain = model().plain()
    cam = LayerGradCam(plain, plain.model.trunk.stage2).attribute(images(), target=1)
    ours = regard.explain(plain.model, images(), "grad_cam", target=torch.tensor([1, 1]), layer="stage2").values
    assert torch.allclose(cam.relu(), ours, atol=1e-6)
    shown = Occlusion(plain).attribute(images(1), target=0, sliding_window_shapes=(3, 16, 16), strides=(3, 16, 16))
    assert shown.shape == (1, 3, 32, 48)


@pytest.mark.parametrize("attention", ["noise", "mask", "aib"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_attention_is_the_map_at_the_images_size_in_every_channel(attention: str, wrapped: bool) -> None:
    network = model(attention=attention)
    method = LearnedAttention(network.plain() if wrapped else network)
    assert isinstance(method, Attribution)
    attribution = method.attribute(images(), target=1)
    expected = network.explain(images()).resize((32, 48)).values
    assert torch.equal(attribution, expected.expand(-1, 3, -1, -1))
    assert attribution.is_contiguous()
    assert not attribution.requires_grad
    assert torch.equal(method.attribute(images()), attribution)


def test_a_tuple_is_answered_by_a_tuple_and_state_stays() -> None:
    network = model().train()
    method = LearnedAttention(network)
    inputs = images().requires_grad_()
    (attribution,) = method.attribute((inputs,), target=torch.tensor([0, 1]))
    assert torch.equal(attribution, method.attribute(images()))
    assert network.training
    assert inputs.grad is None
    assert not method.has_convergence_delta()
    assert not method.multiplies_by_inputs
    with pytest.raises(RegardError, match="inputs: 2 tensors"):
        method.attribute((images(), images()))


def test_layers_segmenters_and_two_streams() -> None:
    network = model(at=["stage1", "stage2"])
    outputs = network(images()).attention
    for layer in (0, 1, -1):
        expected = network.shown(outputs[layer]).resize((32, 48)).values.detach()
        assert torch.allclose(LearnedAttention(network, layer=layer).attribute(images())[:, :1], expected)
    segmenter = Segmenter("compact", **COMPACT).eval()
    assert LearnedAttention(segmenter).attribute(images()).shape == (2, 3, 32, 48)
    torch.manual_seed(0)
    streams = TwoStream("compact", 3, length=2, attend="flow", at="stage1", **COMPACT).eval()
    flow = 2 * images(2, 4) - 1
    attribution = LearnedAttention(streams).attribute(images(), additional_forward_args=(flow,))
    expected = streams.explain(images(), flow=flow).resize((32, 48)).values
    assert torch.equal(attribution[:, 2:], expected)
    assert torch.equal(attribution, LearnedAttention(streams).attribute(images(), additional_forward_args=flow))
    with pytest.raises(RegardError, match=r"flow=batch\.flow"):
        LearnedAttention(streams).attribute(images())


def test_captums_metrics_take_it() -> None:
    network = model()
    method, plain = LearnedAttention(network), network.plain()

    def perturb(inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        noise = 0.01 * torch.randn_like(inputs)
        return noise, (inputs - noise).clamp(0, 1)

    torch.manual_seed(0)
    score = infidelity(plain, perturb, images(), method.attribute(images()), target=1, n_perturb_samples=4)
    assert score.shape == (2,)
    assert score.isfinite().all()
    zero = sensitivity_max(method.attribute, images(), perturb_func=lambda x: x, target=1, n_perturb_samples=2)
    assert torch.equal(zero, torch.zeros(2))
    moved = sensitivity_max(
        method.attribute, images(), perturb_func=lambda x: (x + 0.05).clamp(0, 1), target=1, n_perturb_samples=2
    )
    assert (moved > 0).all()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Conv2d(3, 1, 1), "Conv2d is no model of regard"),
        (AttentiveClassifier("compact", 3, attention=None, **COMPACT), "nothing is attended"),
    ],
)
def test_models_without_learned_attention_are_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        LearnedAttention(network)


def test_a_layer_that_there_is_not_is_refused() -> None:
    for layer in (1, -2):
        with pytest.raises(RegardError, match=rf"layer={layer}: the model has 1 attended layers \(stage1\)"):
            LearnedAttention(model(), layer=layer)


def test_it_is_on_the_face() -> None:
    assert regard.captum.LearnedAttention is LearnedAttention
    assert isinstance(model().explain(images()), Map)
