"""An attention by name, whatever its kind: what to attach to which layers, and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from regard.attention import ATTENTION, build_attention
from regard.backbones import looking, nearest, probe_images, recommended_layer, recorder_for, run
from regard.models.heads import resolve_head
from regard.models.rivals import ATTACHED, READOUTS, RIVALS, Tap
from regard.models.rivals.registry import LAYERS, check_options
from regard.types import RegardError

Mechanism = str | Callable[[int], nn.Module] | None


def is_readout(attention: Mechanism) -> bool:
    """Whether it reads layers and classifies itself, so that the network's own classifier is taken off."""
    return isinstance(attention, str) and attention in READOUTS


def layers_of(
    trunk: nn.Module, at: str | Sequence[str] | None, attention: Mechanism, shape: tuple[int, int, int]
) -> list[str]:
    """Layers to attend at: those named, else the mechanism's own choice; none without attention."""
    if attention is None:
        return []
    if at:
        return [at] if isinstance(at, str) else list(at)
    if isinstance(attention, str) and attention in LAYERS:
        return LAYERS[attention](trunk, shape)
    return [recommended_layer(trunk)]


def builder(
    attention: str | Callable[[int], nn.Module],
    trunk: nn.Module,
    at: list[str],
    *,
    anchors: int | None,
    options: dict[str, Any],
    num_classes: int,
) -> Callable[[int], nn.Module]:
    """A function of the number of channels, for ``regard.backbones.attach``.

    Raises:
        RegardError: no such mechanism, or anchors or options that it does not take.
    """
    if callable(attention):
        if anchors is not None or options:
            raise RegardError("attention is a function of its own, so anchors= and attention_options= do not reach it")
        return attention
    if attention in RIVALS and anchors is not None:
        raise RegardError(f"anchors={anchors}: {attention} has no map to quantize; leave them out")
    if attention in RIVALS:
        check_options(attention, options)
    if attention in READOUTS:
        return lambda channels: Tap()
    if attention in ATTACHED:
        return ATTACHED[attention](trunk, at, num_classes, **options)
    if attention not in ATTENTION and "+" not in attention:
        near = nearest(attention, [*ATTENTION, *RIVALS])
        raise RegardError(f"attention={attention!r}: no such mechanism; did you mean {near}?")
    return lambda channels: build_attention(
        attention, channels, anchors=anchors, **resolve_head(options, channels, num_classes)
    )


def readout_of(
    name: str, trunk: nn.Module, width: int, num_classes: int, shape: tuple[int, int, int], options: dict[str, Any]
) -> nn.Module:
    """The readout of a network whose layers are tapped and whose classifier, ``width`` wide, is taken off."""
    recorder = recorder_for(trunk)
    with looking(trunk):
        run(trunk, recorder, probe_images(trunk, shape))
    channels = tuple(output.features.shape[1] for output in recorder.outputs)
    readout = READOUTS[name](channels, width, num_classes, **options)
    assert isinstance(readout, nn.Module)
    return readout


def check_all_learn(model: nn.Module, images: Tensor, name: str) -> None:
    """Every parameter has a part in the class scores of these images.

    Raises:
        RegardError: some have none, since they come after the last layer that is read.
    """
    learning = {key: p for key, p in model.named_parameters() if p.requires_grad}
    with looking(model), torch.enable_grad():
        score = model(images, samples=0).logits.sum()
        gradients = torch.autograd.grad(score, list(learning.values()), allow_unused=True)
    idle = [key.removeprefix("trunk.") for key, g in zip(learning, gradients, strict=True) if g is None]
    if idle:
        raise RegardError(
            f"{name}: {idle[0]} and {len(idle) - 1} more parameters come after the last layer that it reads, so they "
            "would learn nothing; leave at empty, or name the last layer with positions"
        )
