"""Threads that share a network: the maps of one thread after the other, bit for bit, and the network as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import timm
import torch
from tests.explain.toys import Deep
from torch import Tensor, nn

from regard.backbones import attach, eval_mode, exclusive, record
from regard.explain import METHODS, explain, learn_amortized_iba
from regard.models import AttentiveClassifier

pytestmark = pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
WORKERS, ROUNDS = 4, 3


def state_of(model: nn.Module) -> dict[str, Any]:
    """All that an explanation could leave changed."""
    return {
        "numbers": {name: value.clone() for name, value in model.state_dict().items()},
        "learns": [p.requires_grad for p in model.parameters()],
        "gradients": [p.grad is None for p in model.parameters()],
        "modes": [module.training for module in model.modules()],
        "hooks": [
            len(getattr(module, name))
            for module in model.modules()
            for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        ],
        "fused": [getattr(module, "fused_attn", None) for module in model.modules()],
    }


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    numbers = all(torch.equal(value, b["numbers"][name]) for name, value in a["numbers"].items())
    return numbers and all(a[key] == b[key] for key in a if key != "numbers")


def together(works: list[Callable[[], Tensor]]) -> list[Tensor]:
    """The results of works that start at the same moment in four threads."""
    gate = threading.Barrier(WORKERS)

    def begin() -> None:
        gate.wait(30)

    with ThreadPoolExecutor(WORKERS, initializer=begin) as pool:
        return [job.result(120) for job in [pool.submit(work) for work in works]]


def images_of(count: int, side: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(2, 3, side, side, generator=generator) for _ in range(count)]


FEW = {"rise": {"samples": 8}, "smooth_grad": {"samples": 4}, "integrated_gradients": {"steps": 4}, "iba": {"steps": 2}}
TRANSFORMERS = ("rollout", "gradient_rollout", "legrad", "attn_lrp")
ON_CNN = [n for n in METHODS if n not in ("attention", *TRANSFORMERS, "amortized_iba")]


@pytest.mark.parametrize("method", ON_CNN)
@pytest.mark.parametrize("training", [False, True])
def test_every_method_on_a_shared_network(method: str, training: bool) -> None:
    torch.manual_seed(0)
    network = Deep().train(training)
    options = FEW.get(method, {}) | ({"layer": "last"} if METHODS[method].at_layer else {})
    works = [
        lambda images=images: explain(network, images, method, **options).values
        for images in images_of(WORKERS * ROUNDS, 16)
    ]
    before = state_of(network)
    expected = [work() for work in works]
    assert same(state_of(network), before)
    got = together(works)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same(state_of(network), before)


@pytest.mark.parametrize("method", [*TRANSFORMERS, "grad_cam", "iba"])
def test_a_shared_transformer(method: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=5, depth=3).train()
    works = [
        lambda images=images: explain(network, images, method, **FEW.get(method, {})).values
        for images in images_of(WORKERS * ROUNDS, 64)
    ]
    before = state_of(network)
    expected = [work() for work in works]
    got = together(works)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same(state_of(network), before)


def test_prediction_own_attention_and_explanations_of_one_classifier_at_the_same_time() -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16)).train()
    works: list[Callable[[], Tensor]] = []
    for images in images_of(WORKERS * 2, 16):
        works += [
            lambda images=images: model.predict(images),
            lambda images=images: model.explain(images).values,
            lambda images=images: explain(model, images, "attention").values,
            lambda images=images: explain(model, images, "grad_cam").values,
            lambda images=images: explain(model, images, "input_gradient").values,
        ]
    before = state_of(model)
    expected = [work() for work in works]
    assert same(state_of(model), before)
    got = together(works)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same(state_of(model), before)


def test_a_learned_map_and_the_network_that_it_is_of() -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=10).train()
    learned = learn_amortized_iba(network, torch.rand(12, 3, 64, 64), layer="layer3", bits=500.0, steps=3)
    works: list[Callable[[], Tensor]] = []
    for images in images_of(WORKERS, 64):
        works += [
            lambda images=images: explain(network, images, "amortized_iba", learned=learned).values,
            lambda images=images: explain(network, images, "layer_cam", layer="layer4").values,
        ]
    before = state_of(network)
    expected = [work() for work in works]
    got = together(works)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same(state_of(network), before)


def test_an_attached_network_and_its_parts() -> None:
    torch.manual_seed(0)
    network = attach(timm.create_model("resnet10t", num_classes=4), "layer3", "noise", input_size=(64, 64)).train()
    wrapped = nn.Sequential(nn.Identity(), network).train()

    def recorded(images: Tensor) -> Tensor:
        with eval_mode(network), record(network, samples=0) as recorder:
            network(images)
        return recorder.outputs[0].map.detach()

    works: list[Callable[[], Tensor]] = []
    for images in images_of(WORKERS, 64):
        works += [
            lambda images=images: recorded(images),
            lambda images=images: explain(wrapped, images, "grad_cam", layer="1.layer4").values,
            lambda images=images: explain(network, images, "smooth_grad", samples=2).values,
        ]
    before = state_of(wrapped)
    expected = [work() for work in works]
    got = together(works)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same(state_of(wrapped), before)


def test_an_error_in_one_thread_frees_the_network_for_the_others() -> None:
    network = Deep().eval()
    images = torch.rand(2, 3, 16, 16)

    def failing() -> Tensor:
        try:
            explain(network, images, "grad_cam", layer="absent")
        except Exception:
            return torch.zeros(1)
        raise AssertionError

    got = together([failing, lambda: explain(network, images, "grad_cam", layer="last").values] * WORKERS)
    assert all(torch.equal(value, got[1]) for value in got[1::2])


def test_unrelated_networks_do_not_wait_for_each_other() -> None:
    first, second = Deep(), Deep()
    entered = threading.Event()

    def other() -> None:
        with exclusive(second):
            entered.set()

    with exclusive(first):
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
        thread.join()


@pytest.mark.parametrize("part", ["the trunk", "a wrapper", "a layer"])
def test_what_shares_modules_waits(part: str) -> None:
    network = Deep()
    shared = {"the trunk": network.body, "a wrapper": nn.Sequential(network), "a layer": network.fc}[part]
    entered = threading.Event()

    def other() -> None:
        with exclusive(shared):
            entered.set()

    with exclusive(network):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.2)
        with exclusive(network):
            pass
    assert entered.wait(10)
    thread.join()
