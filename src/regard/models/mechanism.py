"""A mechanism by name, attention or baseline: which layers it takes, what is attached there, and what reads them."""

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
from regard.models.baselines.registry import ATTACHED, BASELINE_NAMES, LAYERS, READOUTS, check_options
from regard.types import RegardError

MAP_HEADS: dict[str, Callable[[int, int], nn.Module]] = {
    "wrn_branch": wrn_branch,
    "vgg_branch": vgg_branch,
    "bottleneck_branch": bottleneck_branch,
}
"""name -> (channels, num_classes) -> module from features (B,C,H,W) to map logits (B,1,H,W)."""


def resolve_head(options: dict[str, Any], channels: int, num_classes: int) -> dict[str, Any]:
    """The options with a head that is given by name replaced by the module."""
    head = options.get("head")
    if not isinstance(head, str) or head in HEADS:
        return options
    if head not in MAP_HEADS:
        raise RegardError(f"attention_options: no map head {head!r}; nearest: {nearest(head, [*MAP_HEADS, *HEADS])}")
    return {**options, "head": MAP_HEADS[head](channels, num_classes)}


Mechanism = str | Callable[[int], nn.Module] | None


def is_readout(attention: Mechanism) -> bool:
    """Whether it has its own classifier over tapped layers, which replaces the network's."""
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
    if attention in BASELINE_NAMES and anchors is not None:
        raise RegardError(f"anchors={anchors}: {attention} has no map to quantize; leave them out")
    if attention in BASELINE_NAMES:
        check_options(attention, options)
    if attention in READOUTS:
        return lambda channels: Tap()
    if attention in ATTACHED:
        return ATTACHED[attention](trunk, at, num_classes, **options)
    if attention not in ATTENTION and "+" not in attention:
        names = nearest(attention, [*ATTENTION, *BASELINE_NAMES])
        raise RegardError(f"attention={attention!r}: no such mechanism; did you mean {names}?")
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
    """Checks that every parameter contributes to the class scores, or removes modules that do not.

    Args:
        model: the whole classifier.
        trunk: its network.
        images: to run the check on.
        name: of the baseline, for errors.
        shorten: remove modules that do not contribute; else they are an error.

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
                f"{name}: {type(trunk).__name__} does not run without the later layers: {error}"
            ) from error
    if idle:
        raise RegardError(
            f"{name}: {len(idle)} parameters, {idle[0].removeprefix('trunk.')} first, come after the last layer that "
            "it reads and would learn nothing; leave at empty for the last layer with positions, or, where the "
            "baseline has it, give attention_options.shorten to leave them out"
        )


def _idle(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the learned parameters that do not contribute to the class scores."""
    learning = {key: p for key, p in model.named_parameters() if p.requires_grad}
    with eval_mode(model), torch.enable_grad():
        score = model(images, samples=0).logits.sum()
        gradients = torch.autograd.grad(score, list(learning.values()), allow_unused=True)
    return [key for key, gradient in zip(learning, gradients, strict=True) if gradient is None]


def _whole(trunk: nn.Module, idle: list[str]) -> list[str]:
    """The largest modules of the network all of whose parameters are idle."""
    names: list[str] = []
    for key, module in trunk.named_modules():
        inside = [f"trunk.{key}.{name}" for name, _ in module.named_parameters()]
        if key and inside and set(inside) <= set(idle) and not any(key.startswith(f"{other}.") for other in names):
            names.append(key)
    return names
