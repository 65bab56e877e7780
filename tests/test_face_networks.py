"""The functions of the face that make, attend and explain networks, as a user types them."""

import pytest
import torch

from regard.attention import create_attention, list_attention
from regard.backbones import attach, create_backbone, list_backbones, record
from regard.explain import explain, list_methods
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.objectives import Budget, Weights, information_loss
from regard.types import Map

IMAGES = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def test_lists_of_names_filter_by_pattern() -> None:
    assert {"noise", "aib", "mask", "center"} <= set(list_attention())
    assert list_attention("*noise") == ["deterministic-noise", "noise"]
    assert {"compact", "wrn", "resnet18", "torchvision:resnet18"} <= set(list_backbones())
    assert list_backbones("compact*") == ["compact", "compact_vit"]
    assert {"grad_cam", "rise", "iba", "random"} <= set(list_methods())
    assert list_methods("nothing*") == []


def test_create_attention() -> None:
    output = create_attention("noise", 256)(torch.randn(2, 256, 14, 14))
    assert output.features.shape == (2, 256, 14, 14)
    assert output.map.shape == (1, 2, 1, 14, 14)


@pytest.mark.parametrize("attention", ["noise", "mask", "center+noise"])
def test_attach_by_name_finds_the_width_and_record_returns_the_outputs(attention: str) -> None:
    net = attach(create_backbone("resnet18", 10), "layer3", attention).eval()
    with torch.no_grad(), record(net, samples=4) as recorder:
        logits = net(IMAGES)
    assert logits.shape == (8, 10)
    assert recorder.outputs[0].map.shape == (4, 2, 1, 14, 14)


def test_attach_passes_options_to_an_attention_by_name() -> None:
    net = attach(create_backbone("resnet18", 10), at=["layer2", "layer3"], attention="mask", anchors=3)
    with torch.no_grad(), record(net) as recorder:
        net(IMAGES)
    assert [output.anchors.shape for output in recorder.outputs if output.anchors is not None] == [(3,), (3,)]


def test_explain_takes_the_predicted_class_by_default() -> None:
    torch.manual_seed(0)
    net = create_backbone("resnet18", 10)
    map = explain(net, IMAGES, "grad_cam", layer="layer3")
    assert isinstance(map, Map)
    assert map.values.shape == (2, 1, 14, 14)
    predicted = net.eval()(IMAGES).argmax(1)
    assert torch.equal(map.values, explain(net, IMAGES, "grad_cam", target=predicted, layer="layer3").values)


def test_models_losses_and_budgets() -> None:
    classifier = AttentiveClassifier("resnet18", 10, at="layer3", attention="noise")
    losses = information_loss(classifier(IMAGES), torch.tensor([3, 7]), Weights(map_beta=1e-6))
    losses.total.backward()
    budget = Budget("map", budget=100.0, beta=1e-6)
    assert losses.price is not None
    assert budget.update(losses.price.item()).beta > budget.beta
    assert Segmenter("resnet18", attention="noise")(IMAGES).logits.shape == (1, 2, 1, 224, 224)
    assert TwoStream("resnet18", 10)(IMAGES, flow=torch.zeros(2, 20, 224, 224)).logits.shape == (1, 2, 10)
