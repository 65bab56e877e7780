"""An attention by name, whatever its kind: what to attach to which layers, and what reads them.

Map heads by name, so that a classifier with one can be rebuilt from its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from regard.attention import ATTENTION, HEADS, create_attention
from regard.backbones import (
    bottleneck_branch,
    eval_mode,
    nearest,
    probe_images,
    recommended_layer,
    recorder_for,
    run,
    vgg_branch,
    wrn_branch,
)
from regard.models.baselines.readouts import Tap
from regard.models.baselines.registry import ATTACHED, LAYERS, READOUTS, RIVALS, check_options
from regard.types import RegardError

MAP_HEADS: dict[str, Callable[[int, int], nn.Module]] = {
    "wrn_branch": wrn_branch,
    "vgg_branch": vgg_branch,
    "bottleneck_branch": bottleneck_branch,
}
"""name -> (channels, num_classes) -> module from features (B,C,H,W) to map logits (B,1,H,W)."""


def resolve_head(options: dict[str, Any], channels: int, num_classes: int) -> dict[str, Any]:
    """The options of an attention with a head that was given by name built."""
    head = options.get("head")
    if not isinstance(head, str) or head in HEADS:
        return options
    if head not in MAP_HEADS:
        raise RegardError(f"attention_options: no map head {head!r}; nearest: {nearest(head, [*MAP_HEADS, *HEADS])}")
    return {**options, "head": MAP_HEADS[head](channels, num_classes)}


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
    return lambda channels: create_attention(
        attention, channels, anchors=anchors, **resolve_head(options, channels, num_classes)
    )


def readout_of(
    name: str, trunk: nn.Module, width: int, num_classes: int, shape: tuple[int, int, int], options: dict[str, Any]
) -> nn.Module:
    """The readout of a network whose layers are tapped and whose classifier, ``width`` wide, is taken off."""
    recorder = recorder_for(trunk)
    with eval_mode(trunk):
        run(trunk, recorder, probe_images(trunk, shape))
    channels = tuple(output.features.shape[1] for output in recorder.outputs)
    readout = READOUTS[name](channels, width, num_classes, **options)
    assert isinstance(readout, nn.Module)
    return readout


def leave_out_idle(model: nn.Module, trunk: nn.Module, images: Tensor, name: str, *, shorten: bool) -> None:
    """Sees to it that every parameter has a part in the class scores of these images.

    Args:
        model: the whole classifier.
        trunk: its network.
        images: some.
        name: of the rival, for errors.
        shorten: take modules without a part out of the network; else they are an error.

    Raises:
        RegardError: layers come after the last one that is read, or the network does not run without them.
    """
    idle = _idle(model, images)
    if idle and shorten:
        for key in _whole(trunk, idle):
            parent, _, child = key.rpartition(".")
            setattr(trunk.get_submodule(parent), child, nn.Identity())
        try:
            idle = _idle(model, images)
        except RuntimeError as error:
            raise RegardError(
                f"{name}: {type(trunk).__name__} does not run without what comes after: {error}"
            ) from error
    if idle:
        raise RegardError(
            f"{name}: {len(idle)} parameters, {idle[0].removeprefix('trunk.')} first, come after the last layer that "
            "it reads and would learn nothing; leave at empty for the last layer with positions, or, where the rival "
            "has it, give attention_options.shorten to leave them out"
        )


def _idle(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the parameters that learn but have no part in the class scores."""
    learning = {key: p for key, p in model.named_parameters() if p.requires_grad}
    with eval_mode(model), torch.enable_grad():
        score = model(images, samples=0).logits.sum()
        gradients = torch.autograd.grad(score, list(learning.values()), allow_unused=True)
    return [key for key, gradient in zip(learning, gradients, strict=True) if gradient is None]


def _whole(trunk: nn.Module, idle: list[str]) -> list[str]:
    """The largest modules of the network all of whose parameters are idle."""
    found: list[str] = []
    for key, module in trunk.named_modules():
        inside = [f"trunk.{key}.{name}" for name, _ in module.named_parameters()]
        if key and inside and set(inside) <= set(idle) and not any(key.startswith(f"{other}.") for other in found):
            found.append(key)
    return found
