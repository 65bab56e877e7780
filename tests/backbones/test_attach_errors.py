"""An attention of the user's that raises, wherever it does, leaves the network as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from tests.backbones.toys import Half
from torch import Tensor, nn

from regard.backbones import attach
from regard.types import AttentionOutput, RegardError


class Raises(Half):
    """An attention that works so many times and then raises."""

    def __init__(self, after: int, error: type[BaseException] = ZeroDivisionError) -> None:
        super().__init__(1)
        self.after, self.error = after, error

    def forward(self, features: Tensor, samples: int = 0, map_override: Tensor | None = None) -> AttentionOutput:
        self.after -= 1
        if self.after < 0:
            raise self.error
        return super().forward(features, samples, map_override)


def counted(after: int) -> Callable[[int], nn.Module]:
    """Makes so many attentions and then raises."""
    made = [0]

    def make(_: int) -> nn.Module:
        made[0] += 1
        if made[0] > after:
            raise ZeroDivisionError
        return Half(1)

    return make


def described(network: nn.Module) -> dict[str, Any]:
    return {
        "modules": [(name, id(module)) for name, module in network.named_modules()],
        "numbers": {name: value.clone() for name, value in network.state_dict().items()},
        "modes": [module.training for module in network.modules()],
        "hooks": [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
        "learns": [p.requires_grad for p in network.parameters()],
    }


ATTENTIONS: dict[str, Callable[[], Any]] = {
    "the second cannot be made": lambda: counted(1),
    "at its first forward": lambda: lambda _: Raises(0),
    "within the cut test": lambda: lambda _: Raises(2),
    "late in the cut test": lambda: lambda _: Raises(4),
    "interrupted": lambda: lambda _: Raises(1, KeyboardInterrupt),
    "it returns no tensor": lambda: lambda _: nn.LSTM(4, 4),
    "an unknown name": lambda: "nioze",
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("when", ATTENTIONS)
def test_a_network_is_unchanged_by_an_attention_that_raises(when: str, training: bool) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=4).train(training)
    before, images = described(network), torch.rand(2, 3, 64, 64)
    with pytest.raises((ZeroDivisionError, KeyboardInterrupt, RegardError, TypeError)):
        attach(network, ["layer2", "layer3"], ATTENTIONS[when](), input_size=(64, 64))
    after = described(network)
    assert all(torch.equal(value, after["numbers"][name]) for name, value in before["numbers"].items())
    assert {key: value for key, value in after.items() if key != "numbers"} == {
        key: value for key, value in before.items() if key != "numbers"
    }
    attached = attach(network, ["layer2", "layer3"], "noise", input_size=(64, 64))
    assert attached.eval()(images).shape == (2, 4)


def test_two_path_norms_are_taken_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network = timm.create_model("resnet10t", num_classes=4)
    before = [(name, id(module)) for name, module in network.named_modules()]

    def raising(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules[attach.__module__], "find_cut", raising)
    with pytest.raises(ZeroDivisionError):
        attach(network, "layer3", "noise", input_size=(64, 64), statistics="two")
    assert [(name, id(module)) for name, module in network.named_modules()] == before


def test_what_was_attached_before_stays_attached() -> None:
    network = attach(timm.create_model("resnet10t", num_classes=4), "layer2", "noise", input_size=(64, 64))
    before = [(name, id(module)) for name, module in network.named_modules()]
    with pytest.raises(ZeroDivisionError):
        attach(network, "layer3", Raises(1), input_size=(64, 64))
    assert [(name, id(module)) for name, module in network.named_modules()] == before
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 4)
