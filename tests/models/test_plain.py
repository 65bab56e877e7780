"""What other libraries take: one tensor of logits, outputs as trees, one graph for batches of any size."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.models.families import FAMILIES, Family
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from regard.attention import ATTENTION
from regard.models import (
    AttentiveClassifier,
    PlainModel,
    Samples,
    Segmenter,
    TwoStream,
    TwoStreamOutput,
    as_tensor_module,
)
from regard.types import AttentionOutput, LatentOutput, Map, ModelOutput, RegardError, SegmenterOutput

COMPACT: dict[str, Any] = {"backbone_options": {"widths": (4, 6, 8, 8)}, "input_size": (32, 32)}
VIT: dict[str, Any] = {
    "backbone_options": {"depth": 2, "embed_dim": 16, "num_heads": 2},
    "input_size": (32, 32),
    "at": "blocks.0",
}


def classifier(**options: Any) -> AttentiveClassifier:
    torch.manual_seed(0)
    defaults = {"attention": "noise", "at": "stage1"} | COMPACT
    return AttentiveClassifier("compact", 3, **{**defaults, **options}).eval()


def vit(**options: Any) -> AttentiveClassifier:
    torch.manual_seed(0)
    return AttentiveClassifier("vit_tiny_patch16_224", 3, **{**VIT, **options}).eval()


def images(count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 32, 32, generator=torch.Generator().manual_seed(count))


def two_stream(**options: Any) -> TwoStream:
    torch.manual_seed(0)
    return TwoStream("compact", 3, length=2, at="stage1", **COMPACT, **options).eval()


def test_logits_are_the_model_s_own_in_evaluation() -> None:
    model = classifier(latent=4)
    plain = model.plain()
    assert isinstance(plain, PlainModel)
    assert torch.equal(plain(images()), model(images()).logits[0])
    assert torch.equal(plain(images()).softmax(1), model.predict(images()))
    assert not plain.training
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in model.parameters())


def test_a_seeded_model_predicts_with_its_noise() -> None:
    model = classifier(prediction="seeded")
    mean, plain = model(images(), samples=0).logits[0], model.plain()
    assert torch.equal(plain(images()), plain(images()))
    assert not torch.allclose(plain(images()), mean)
    assert torch.allclose(plain(images()).softmax(1), model.predict(images()))


@pytest.mark.parametrize(
    ("options", "squash"),
    [
        ({}, lambda x: x.softmax(-1)),
        ({"average": "logits"}, lambda x: x.softmax(-1)),
        ({"multi_label": True}, torch.sigmoid),
        ({"latent": 4}, lambda x: x.softmax(-1)),
    ],
    ids=["probabilities", "logits", "labels", "latent"],
)
def test_several_samples_give_logits_of_the_averaged_probabilities(options: dict, squash: Callable) -> None:
    model = classifier(**options)
    torch.manual_seed(3)
    expected = model.predict(images(), samples=5)
    torch.manual_seed(3)
    assert torch.allclose(squash(model.plain(samples=5)(images())), expected, atol=1e-6)


def test_a_network_with_one_logit_averages_sigmoids() -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 1, attention="noise", at="stage1", **COMPACT).eval()
    torch.manual_seed(3)
    expected = model.predict(images(), samples=4)
    torch.manual_seed(3)
    assert torch.allclose(model.plain(samples=4)(images()).sigmoid(), expected, atol=1e-6)


def test_two_streams_with_one_logit_average_sigmoids() -> None:
    torch.manual_seed(0)
    model = TwoStream("compact", 1, length=2, at="stage1", **COMPACT).eval()
    flow = 2 * images(2, 4) - 1
    streams = [model.flow(flow).probabilities(), model.rgb(images()).probabilities()]
    assert torch.allclose(model.predict(images(), flow=flow), sum(streams) / 2, atol=1e-6)


def test_a_segmenter_and_two_streams() -> None:
    torch.manual_seed(0)
    segmenter = Segmenter("compact", attention="noise", **COMPACT).eval()
    assert segmenter.plain()(images()).shape == (2, 1, 32, 32)
    torch.manual_seed(1)
    expected = segmenter.predict(images(), samples=3)
    torch.manual_seed(1)
    assert torch.allclose(segmenter.plain(samples=3)(images()).sigmoid(), expected, atol=1e-6)
    model, flow = two_stream(), 2 * images(2, 4) - 1
    assert torch.allclose(model.plain()(images(), flow).softmax(1), model.predict(images(), flow=flow), atol=1e-6)
    with pytest.raises(RegardError, match=r"flow=batch\.flow"):
        model.plain()(images())


def test_any_module_is_taken_and_modes_are_followed() -> None:
    network = nn.Conv2d(3, 4, 1)
    assert as_tensor_module(network) is network
    model = classifier().train()
    plain = as_tensor_module(model, Samples(gate=2))
    assert plain.training
    assert isinstance(plain, PlainModel)
    assert plain.samples == Samples(gate=2)
    plain.eval()
    assert not model.training


def test_a_training_loop_that_knows_logits_only_trains_attention() -> None:
    plain = classifier(latent=4).train().plain()
    optimizer, labels = torch.optim.Adam(plain.parameters(), lr=3e-3), torch.tensor([0, 1, 2, 0])
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(plain(images(4)), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    gradients = [p.grad for name, p in plain.named_parameters() if ".attention." in name and p.grad is not None]
    assert gradients
    assert any(gradient.abs().sum() > 0 for gradient in gradients)
    assert sum(losses[-5:]) < sum(losses[:5])


def test_hooks_for_class_activation_maps_find_activations_and_gradients() -> None:
    """As pytorch-grad-cam does it: a forward hook at a layer, a hook on its output's gradient."""
    model = classifier()
    plain, seen = model.plain(), {}

    def keep(_module: nn.Module, _args: Any, output: torch.Tensor) -> None:
        seen["activation"] = output
        output.register_hook(lambda gradient: seen.update(gradient=gradient))

    with plain.get_submodule("model.trunk.stage2").register_forward_hook(keep):
        plain(images())[:, 1].sum().backward()
    cam = (seen["gradient"].mean((2, 3), keepdim=True) * seen["activation"]).sum(1).relu()
    assert cam.shape == (2, *seen["activation"].shape[2:])
    assert seen["gradient"].shape == seen["activation"].shape
    assert seen["gradient"].abs().sum() > 0


@pytest.mark.parametrize("build", [lambda: classifier(attention=None), classifier, lambda: classifier(latent=4)])
def test_operations_are_counted_two_for_each_product_of_convolutions_and_linear_layers(build: Callable) -> None:
    plain, products = build().plain(), []

    def count(module: nn.Module, _args: Any, output: torch.Tensor) -> None:
        products.append(module.weight.numel() * (output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1))

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        plain(images(1))
    layers = [m for m in plain.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        plain(images(1))
    for hook in hooks:
        hook.remove()
    assert counter.get_total_flops() == 2 * sum(products) > 0


@pytest.mark.parametrize(
    "build",
    [
        lambda: classifier(latent=4, anchors=4),
        lambda: classifier(attention=None),
        lambda: Segmenter("compact", **COMPACT).eval(),
        lambda: two_stream(attend="both"),
    ],
    ids=["classifier", "unattended", "segmenter", "two-stream"],
)
def test_outputs_are_trees(build: Callable) -> None:
    model = build()
    inputs = (images(), None, None) if not isinstance(model, TwoStream) else (images(), None, None, images(2, 4))
    output = model(*inputs)
    leaves, structure = pytree.tree_flatten(output)
    assert leaves
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    again = pytree.tree_unflatten(leaves, structure)
    assert type(again) is type(output)
    assert torch.equal(again.logits, output.logits)
    if isinstance(output, ModelOutput):
        assert again.average == output.average
        assert torch.equal(again.probabilities(), output.probabilities())
    double = pytree.tree_map(torch.Tensor.double, list(output.attention))
    assert all(layer.map.dtype == torch.float64 for layer in double)
    assert [layer.unit for layer in double] == [layer.unit for layer in output.attention]
    assert [layer.std is None for layer in double] == [layer.std is None for layer in output.attention]
    paths = [pytree.keystr(path) for path, _ in pytree.tree_leaves_with_path(output)]
    assert ".logits" in paths
    assert len(set(paths)) == len(leaves)


def test_structures_survive_their_text() -> None:
    for value in (Map(torch.zeros(1, 1, 2, 2), "bits"), classifier(latent=4)(images())):
        structure = pytree.tree_structure(value)
        text = pytree.treespec_dumps(structure)
        assert json.loads(text)
        assert pytree.treespec_loads(text) == structure
    kinds = (Map, AttentionOutput, LatentOutput, ModelOutput, SegmenterOutput, TwoStreamOutput)
    assert all(kind in pytree.SUPPORTED_NODES for kind in kinds)


CASES: dict[str, Callable[[], nn.Module]] = {
    **{name: lambda name=name: classifier(attention=name) for name in ATTENTION},
    **{f"{name}-latent": lambda name=name: classifier(attention=name, latent=4) for name in ("noise", "aib", "mask")},
    "noise-anchors-latent": lambda: classifier(anchors=4, latent=4),
    "noise-budget": lambda: classifier(attention_options={"budget": 90.0, "per_image": True}),
    **{name: lambda name=name: classifier(attention=name) for name in ("cbam", "abn")},
    **{name: lambda name=name: classifier(attention=name, at=None) for name in ("gap", "ltpa")},
    "plain-latent": lambda: classifier(attention=None, latent=4),
    **{f"vit-{name}": lambda name=name: vit(attention=name) for name in ("noise", "mask", "aib")},
    "vit-excluded-tokens": lambda: vit(attention="mask", exclude_tokens=True),
    "vit-vit_ib": lambda: vit(attention="vit_ib", at=None),
    **{
        f"{name}": lambda name=name: Segmenter("compact", decoder=name, **COMPACT).eval()
        for name in ("fcn32s", "fcn8s")
    },
    **{f"streams-{name}": lambda name=name: two_stream(attend=name, latent=4) for name in ("rgb", "flow", "both")},
}


SLOW = (
    "noise-budget",
    "aib-latent",
    "mask-latent",
    "streams-rgb",
    "streams-flow",
    "center",
    "random",
    "fcn32s",
    "vit-aib",
)


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in CASES])
def test_torch_export_agrees_for_batches_of_any_size(case: str) -> None:
    plain = as_tensor_module(CASES[case]())

    def inputs(count: int) -> tuple[torch.Tensor, ...]:
        two = isinstance(plain.model, TwoStream)
        return (images(count), 2 * images(count, 4) - 1) if two else (images(count),)

    batch = torch.export.Dim("batch")
    program = torch.export.export(plain, inputs(2), dynamic_shapes=[{0: batch}] * len(inputs(2)))
    for count in (1, 3):
        with torch.no_grad():
            assert torch.allclose(program.module()(*inputs(count)), plain(*inputs(count)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", [family.param for family in FAMILIES])
def test_torch_export_agrees_in_every_family(family: Family) -> None:
    plain = family.build(attention="noise", anchors=5, latent=8).eval().plain()
    program = torch.export.export(plain, (family.images(2),), dynamic_shapes=[{0: torch.export.Dim("batch")}])
    for count in (1, 3):
        with torch.no_grad():
            assert torch.allclose(program.module()(family.images(count)), plain(family.images(count)), atol=1e-5)


def test_a_seeded_model_is_refused_by_export_with_the_remedy() -> None:
    plain = classifier(prediction="seeded").plain()
    with pytest.raises(RegardError, match=r"model\.prediction = 'mean'"):
        torch.export.export(plain, (images(),))


@pytest.mark.parametrize("build", [lambda: classifier(latent=4), lambda: vit(attention="mask")], ids=["cnn", "vit"])
def test_compiles_to_one_graph(build: Callable, one_graph: Callable) -> None:
    plain = build().plain()
    with torch.no_grad():
        assert torch.allclose(one_graph(plain, images()), plain(images()), atol=1e-5)
