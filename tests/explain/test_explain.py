"""`explain` with all methods: the model is unchanged, images are independent, bad input is named."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.explain.toys import Deep, deep
from torch import Tensor, nn

from regard.backbones import create_backbone
from regard.explain import METHODS, explain, prepare_options
from regard.models import AttentiveClassifier
from regard.types import RegardError

QUICK: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 3},
    "smooth_grad": {"samples": 2},
    "rise": {"samples": 6, "cells": 3},
    "iba": {"steps": 2, "samples": 2},
    "amortized_iba": {"learn_from": torch.rand(12, 3, 16, 16), "steps": 2, "bits": 40.0},
    "random": {"index": torch.arange(3)},
}
FOR_TRANSFORMERS = ("rollout", "gradient_rollout", "legrad", "attn_lrp")
SIZE = (16, 16)


def classifier() -> AttentiveClassifier:
    torch.manual_seed(0)
    return AttentiveClassifier("compact", 5, attention="noise", latent=4, input_size=SIZE)


def case(method: str) -> tuple[nn.Module, dict[str, Any]]:
    """A model suited to the method, in training, with gradients, hooks and frozen parts; and options."""
    if method == "attention":
        model: nn.Module = classifier()
    elif method in FOR_TRANSFORMERS:
        torch.manual_seed(0)
        options = {"embed_dim": 12, "depth": 2, "num_heads": 2, "patch_size": 4}
        model = create_backbone("vit_tiny_patch16_224", 5, img_size=SIZE, **options)
    else:
        model = deep()
    layer = "norm" if method == "amortized_iba" else "body"  # a path goes around the body
    return model, QUICK.get(method, {}) | ({"layer": layer} if METHODS[method].at_layer else {})


class Broken(Exception):  # noqa: N818
    pass


def state(model: nn.Module) -> Iterator[object]:
    """Everything about a model that an explanation could leave changed."""
    for name, module in model.named_modules():
        yield name, module.training, module.forward.__func__ if hasattr(module.forward, "__func__") else module.forward
        yield name, {key: tuple(hooks) for key, hooks in vars(module).items() if "hooks" in key}
        yield name, sorted(vars(module)), vars(module).get("fused_attn")
    for name, p in model.named_parameters():
        yield name, id(p), p.requires_grad, id(p.grad), None if p.grad is None else p.grad.tolist(), p.tolist()
    for name, b in model.named_buffers():
        yield name, b.tolist()


def used(model: nn.Module) -> None:
    """A model during training: with gradients, a frozen part, a part in evaluation mode, and a hook."""
    model.train()
    out = model(torch.rand(4, 3, *SIZE))
    (out.logits if isinstance(model, AttentiveClassifier) else out).sum().backward()
    first, second = [module for module in model.modules() if list(module.parameters(recurse=False))][:2]
    for p in first.parameters():
        p.requires_grad_(False)
        p.grad = None
    second.eval()
    second.register_forward_hook(lambda *_: None)


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("method", METHODS)
def test_a_model_is_not_changed(method: str) -> None:
    model, options = case(method)
    used(model)
    images = torch.rand(3, 3, *SIZE, requires_grad=True)
    before, seed, pixels = list(state(model)), torch.get_rng_state(), images.detach().clone()
    map = explain(model, images, method, target=torch.tensor([0, 4, 2]), **options)
    assert list(state(model)) == before
    assert torch.equal(torch.get_rng_state(), seed), "the global random state is the caller's"
    assert images.grad is None
    assert images.requires_grad
    assert torch.equal(images, pixels)
    assert map.values.shape[:2] == (3, 1)
    assert not map.values.requires_grad


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.control])
@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_model_is_not_changed_by_an_exception(method: str, call: int) -> None:
    """The model fails in its ``call``-th forward, if there are so many, deep inside."""
    model, options = case(method)
    used(model)
    calls = 0

    def fail(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise Broken

    inner = [module for module in model.modules() if list(module.parameters(recurse=False))]
    inner[-2].register_forward_hook(fail)
    before = list(state(model))
    try:
        explain(model, torch.rand(3, 3, *SIZE), method, target=torch.tensor([0, 4, 2]), **options)
    except Broken:
        failed = True
    else:
        failed = False
    assert failed or calls < call
    assert failed or call > 1
    assert list(state(model)) == before


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("method", METHODS)
def test_an_images_map_does_not_depend_on_the_others(method: str) -> None:
    model, options = case(method)
    images, target = torch.rand(3, 3, *SIZE), torch.tensor([0, 4, 2])
    if method == "iba":
        options["reference"] = torch.rand(8, 3, *SIZE)
    batch_maps = explain(model, images, method, target=target, **options).values
    for i in range(3):
        single_options = options | ({"index": torch.tensor([i])} if method == "random" else {})
        single_map = explain(model, images[i : i + 1], method, target=target[i : i + 1], **single_options).values
        torch.testing.assert_close(single_map, batch_maps[i : i + 1], rtol=2e-3, atol=1e-5)
    if "batch" in (METHODS[method].run.__kwdefaults__ or {}):
        small = explain(model, images, method, target=target, batch=2, **options).values
        torch.testing.assert_close(small, batch_maps, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("method", METHODS)
def test_calls_hold_no_memory(method: str) -> None:
    """Hooks that keep features and outputs would make memory grow with every image."""
    model, options = case(method)

    def living() -> int:
        explain(model, torch.rand(3, 3, *SIZE), method, **options)
        gc.collect()
        return sum(type(thing) is Tensor for thing in gc.get_objects())

    living()
    assert living() == living()


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("method", [name for name in METHODS if name != "iba"])
def test_a_gpu_gives_the_same_map(method: str) -> None:
    model, options = case(method)
    images, target = torch.rand(3, 3, *SIZE), torch.tensor([0, 4, 2])
    layer = options.pop("layer", None)
    options = dict(prepare_options(model, method, options, size=SIZE, layer=layer)) | (
        {"layer": layer} if layer else {}
    )
    expected = explain(model, images, method, target=target, **options).values
    on_gpu = explain(model.cuda(), images.cuda(), method, target=target.cuda(), **options).values
    assert on_gpu.is_cuda
    torch.testing.assert_close(on_gpu.cpu(), expected, rtol=5e-3, atol=1e-4)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bits() -> None:
    model, options = case("iba")
    images, target = torch.rand(3, 3, *SIZE), torch.tensor([0, 4, 2])
    expected = explain(model, images, "iba", target=target, **options | {"steps": 10, "samples": 50}).values
    on_gpu = explain(model.cuda(), images.cuda(), "iba", target=target.cuda(), **options | {"steps": 10, "samples": 50})
    assert (on_gpu.values.cpu() - expected).abs().mean() < 0.1 * expected.mean(), "other noise, the same bits"


@pytest.mark.parametrize("method", [name for name in METHODS if name != "attention"])
def test_attentive_classifiers_are_explained_at_their_mean(method: str) -> None:
    model = classifier()
    options = QUICK.get(method, {})
    if method in FOR_TRANSFORMERS:
        pytest.skip("a convolutional network")
    images = torch.rand(3, 3, *SIZE)
    first = explain(model, images, method, **options).values
    assert torch.equal(first, explain(model, images, method, **options).values), "no sample was drawn"
    if METHODS[method].of_class:
        target = model.eval()(images, samples=0).logits[0].argmax(1)
        assert torch.equal(first, explain(model, images, method, target=target, **options).values)


def test_learned_attention_is_the_models_own() -> None:
    model, images = classifier(), torch.rand(2, 3, *SIZE)
    map = explain(model, images, "attention", at="stage1")
    assert map.unit == "bits"
    assert torch.equal(map.values, model.explain(images).values)
    with pytest.raises(RegardError, match="attention: nothing is attended at 'stage2'; nearest: stage1"):
        explain(model, images, "attention", at="stage2")
    for other in (Deep(), AttentiveClassifier("compact", 5, attention=None, input_size=SIZE)):
        with pytest.raises(RegardError, match="has learned no attention; take another method"):
            explain(other, images, "attention")


def test_controls_are_maps_on_the_images_grid() -> None:
    images = torch.rand(2, 3, 12, 20)
    maps = {name: explain(Deep(), images, name).values for name in ("random", "center", "uniform")}
    assert all(map.shape == (2, 1, 12, 20) for map in maps.values())
    assert (maps["uniform"] == 1).all()
    assert maps["center"][0, 0, 5, 9] == pytest.approx(maps["center"].max().item())
    assert not torch.equal(*maps["random"])
    rough, smooth = (explain(Deep(), images, "random", bandwidth=b).values for b in (0.0, 3.0))
    assert rough.diff(dim=3).abs().mean() > 2 * smooth.diff(dim=3).abs().mean()


def test_a_layer_inside_a_wrapper_is_found() -> None:
    torch.manual_seed(0)
    network = create_backbone("resnet18", 5)
    images = torch.rand(1, 3, 64, 64)
    wrapped = explain(nn.Sequential(nn.Identity(), network), images, "hires_cam").values
    assert torch.equal(wrapped, explain(network, images, "hires_cam", layer="layer4").values)
    early = explain(nn.Sequential(nn.Identity(), network), images, "iba", seed=0).values
    assert early.shape[2:] == (4, 4)  # in the middle, at layer3


def test_methods_work_without_gradient_mode() -> None:
    model, options = case("hires_cam")
    images = torch.rand(2, 3, *SIZE)
    expected = explain(model, images, "hires_cam", **options).values
    with torch.no_grad():
        assert torch.equal(explain(model, images, "hires_cam", **options).values, expected)
    with torch.inference_mode():
        assert torch.equal(explain(model, images.clone(), "hires_cam", **options).values, expected)


class Tuple(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (images,)


MANY = AttentiveClassifier("compact", 5, attention=None, input_size=SIZE, multi_label=True)


@pytest.mark.parametrize(
    ("model", "method", "options", "message"),
    [
        (Deep(), "gradcam", {}, r"no method 'gradcam'; nearest: grad_cam"),
        (Deep(), "rise", {"sample": 3}, r"rise: no option 'sample'; nearest: samples"),
        (Deep(), "hires_cam", {"steps": 3}, r"hires_cam: no option 'steps'; nearest: it has none"),
        (Deep(), "grad_cam", {"layer": "bodi"}, r"grad_cam: no layer 'bodi' in Deep; nearest: body"),
        (Deep(), "grad_cam", {"layer": "fc"}, r"grad_cam: fc returns \(1, 5\); attend at a layer with positions"),
        (
            Deep(),
            "grad_cam",
            {"target": torch.tensor([0, 5])},
            r"target: class 5 of a model with 5 classes; give 0 to 4",
        ),
        (Deep(), "grad_cam", {"target": torch.tensor([0, -1])}, r"target: class -1"),
        (Deep(), "attention", {"target": torch.tensor([0, 9])}, r"target: class 9"),
        (Deep(), "grad_cam", {"target": torch.tensor([0])}, r"one class index per image is needed, \(2,\)"),
        (Deep(), "grad_cam", {"target": torch.tensor([0.0, 1.0])}, r"target: torch.float32"),
        (MANY, "grad_cam", {}, r"target: a multi-label model predicts several classes at once"),
        (Tuple(), "rise", {}, r"Tuple returns tuple for 2 images; logits \(B,n\)"),
        (nn.Identity(), "rise", {}, r"Identity returns \(2, 3, 16, 16\)"),
    ],
)
def test_invalid_arguments_are_named(model: nn.Module, method: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        explain(model, torch.rand(2, 3, *SIZE), method, **options)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.long), r"images: torch.int64; give images"),
        (torch.zeros(3, 8, 8), r"images: torch.float32 \(3, 8, 8\); \(B,C,H,W\) is needed"),
        (torch.zeros(0, 3, 8, 8), "B at least 1"),
        (torch.full((1, 3, 8, 8), torch.nan), "images: not all values are finite"),
    ],
)
def test_bad_images_are_named(images: Tensor, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        explain(Deep(), images, "uniform")


def test_a_multi_label_model_is_explained_one_class_at_a_time() -> None:
    images = torch.rand(2, 3, *SIZE)
    maps = [explain(MANY, images, "rise", target=torch.tensor([c, c]), samples=8).values for c in (0, 1)]
    probabilities = MANY.predict(images)
    assert (maps[0] - probabilities[:, :1, None, None]).abs().max() < 0.1, "a sigmoid each, not a softmax"
    assert not torch.equal(*maps)


def test_a_map_that_is_not_finite_is_named() -> None:
    model = deep()
    nn.init.constant_(model.fc.weight, torch.inf)
    with pytest.raises(RegardError, match="hires_cam: the map of image 0 is not finite"):
        explain(model, torch.rand(2, 3, *SIZE), "hires_cam", target=torch.tensor([0, 1]), layer="last")
