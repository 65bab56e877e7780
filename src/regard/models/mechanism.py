"""A mechanism by name, attention or baseline: which layers it takes, what is attached there, and what reads them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from regard.attention import ATTENTION, HEADS, create_attention, projections, share_budget
from regard.backbones import (
    bottleneck_branch,
    eval_mode,
    find_layout,
    last_layer,
    middle_layer,
    nearest,
    probe_images,
    recommended_layer,
    recorder_for,
    run,
    vgg_branch,
    wrn_branch,
)
from regard.models.baselines.abn import branch_of
from regard.models.baselines.cbam import Cbam
from regard.models.baselines.readouts import GapReadout, LtpaReadout, Tap
from regard.models.baselines.vit_ib import MessageBottleneck, heads_at, message_layers
from regard.types import RegardError

MAP_HEADS: dict[str, Callable[[int, int], nn.Module]] = {
    head.__name__: head for head in (wrn_branch, vgg_branch, bottleneck_branch)
}
"""name -> (channels, num_classes) -> module from features (B,C,H,W) to map logits (B,1,H,W)."""

Build = Callable[[int], nn.Module]
_Shape = tuple[int, int, int]


def _cbam(trunk: nn.Module, at: list[str], num_classes: int, *, reduction: float = 16, kernel: int = 7) -> Build:
    return lambda channels: Cbam(channels, reduction=reduction, kernel=kernel)


def _abn(trunk: nn.Module, at: list[str], num_classes: int, *, stage: str | None = None) -> Build:
    if len(at) != 1:
        raise RegardError(f"abn: {len(at)} layers; it attends at one")
    branch = branch_of(trunk, at[0], num_classes, stage=stage)
    return lambda channels: branch


def _vit_ib(trunk: nn.Module, at: list[str], num_classes: int, *, latent: int = 32, hidden: int = 64) -> Build:
    heads = sorted({heads_at(trunk, name) for name in at})
    if len(heads) != 1:
        raise RegardError(f"vit_ib: attention with {heads} heads; name layers of one number")
    return lambda channels: MessageBottleneck(channels, heads=heads[0], latent=latent, hidden=hidden)


ATTACHED: dict[str, Callable[..., Build]] = {"cbam": _cbam, "abn": _abn, "vit_ib": _vit_ib}
"""name -> (network, layers, number of classes, options) -> a function of the channels, for ``attach``."""
READOUTS: dict[str, Callable[..., nn.Module]] = {"gap": GapReadout, "ltpa": LtpaReadout}
"""name -> (channels of the layers, width of the last features, number of classes, options) -> a readout."""
LAYERS: dict[str, Callable[[nn.Module, _Shape], list[str]]] = {
    "gap": lambda trunk, shape: [last_layer(trunk, shape)],
    "ltpa": lambda trunk, shape: list(dict.fromkeys([recommended_layer(trunk), last_layer(trunk, shape)])),
    "vit_ib": lambda trunk, _: message_layers(trunk),
}
"""name -> (network, (C,H,W) of its images) -> default layers; other baselines take the default of attention."""
BASELINE_NAMES = (*ATTACHED, *READOUTS)

Mechanism = str | Callable[[int], nn.Module] | None


def is_readout(attention: Mechanism) -> TypeGuard[str]:
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
    with suppress(RegardError):
        name = recommended_layer(trunk)
        find_layout(trunk, name, shape)  # some networks list stages that return no tensor, or do not run
        return [name]
    return [middle_layer(trunk, shape)]


def builder(
    attention: str | Callable[[int], nn.Module],
    trunk: nn.Module,
    at: list[str],
    *,
    anchors: int | None,
    options: dict[str, Any],
    num_classes: int,
) -> Callable[[int], nn.Module]:
    """A function of the number of channels, for ``attach``; anchors or options that a mechanism lacks are errors."""
    if callable(attention):
        if anchors is not None or options:
            raise RegardError("attention is a function of its own, so anchors= and attention_options= do not reach it")
        return attention
    if attention in BASELINE_NAMES and anchors is not None:
        raise RegardError(f"anchors={anchors}: {attention} has no map to quantize; leave them out")
    if attention in BASELINE_NAMES:
        _check_options(attention, options)
    if attention in READOUTS:
        return lambda channels: Tap()
    if attention in ATTACHED:
        return ATTACHED[attention](trunk, at, num_classes, **options)
    if attention not in ATTENTION and "+" not in attention:
        names = nearest(attention, [*ATTENTION, *BASELINE_NAMES])
        raise RegardError(f"attention={attention!r}: no such mechanism; did you mean {names}?")
    head = options.get("head")
    if isinstance(head, str) and head not in HEADS and head not in MAP_HEADS:
        raise RegardError(f"attention_options: no map head {head!r}; nearest: {nearest(head, [*MAP_HEADS, *HEADS])}")
    each = iter(_budget_each(options, at))

    def build(channels: int) -> nn.Module:
        own = next(each)
        if head in MAP_HEADS:
            own = own | {"head": MAP_HEADS[head](channels, num_classes)}
        return create_attention(attention, channels, anchors=anchors, **own)

    return build


def _budget_each(options: dict[str, Any], at: Sequence[str]) -> list[dict[str, Any]]:
    """The attention options of every layer, where ``budget`` may be a list with one for each.

    Raises:
        RegardError: a list of another length.
    """
    budget = options.get("budget")
    if not isinstance(budget, list | tuple):
        return [options] * len(at)
    if len(budget) != len(at):
        raise RegardError(f"budget: {len(budget)} budgets for {len(at)} attended layers ({', '.join(at)})")
    return [options | {"budget": each} for each in budget]


def join_budgets(network: nn.Module, options: dict[str, Any], shape: _Shape) -> None:
    """Makes several attended layers of a network with one ``budget`` pay it together."""
    layers = projections(network)
    if len(layers) < 2 or isinstance(options.get("budget"), list | tuple):
        return
    recorder = recorder_for(network)
    with eval_mode(network):
        run(network, recorder, probe_images(network, shape))
    share_budget(layers, [output.features[0].numel() for output in recorder.outputs])


def _check_options(name: str, options: dict[str, Any]) -> None:
    """The options of a baseline are the keyword arguments of its builder."""
    build = ATTACHED[name] if name in ATTACHED else READOUTS[name]
    allowed = [p.name for p in inspect.signature(build).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for key in options:
        if key not in allowed:
            raise RegardError(
                f"attention={name!r} has no option {key}; nearest: {nearest(key, allowed) or 'it has none'}"
            )


def readout_of(
    name: str, trunk: nn.Module, width: int, num_classes: int, shape: tuple[int, int, int], options: dict[str, Any]
) -> nn.Module:
    """The readout of a network whose layers are tapped and whose classifier, ``width`` wide, is taken off."""
    recorder = recorder_for(trunk)
    with eval_mode(trunk):
        run(trunk, recorder, probe_images(trunk, shape))
    channels = tuple(output.features.shape[1] for output in recorder.outputs)
    return READOUTS[name](channels, width, num_classes, **options)


def leave_out_idle(model: nn.Module, trunk: nn.Module, images: Tensor, name: str, *, shorten: bool) -> None:
    """Checks on some images that every parameter contributes to the class scores; with ``shorten`` modules that do not
    are removed first.
    """
    idle = _idle(model, images)
    if idle and shorten:
        for key in _whole(trunk, idle):
            trunk.set_submodule(key, nn.Identity())
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
        score = model(images).logits.sum()
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
