"""Parameters in groups for an optimiser: a learning rate per part, weight decay for weights only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from torch import nn

from regard.attention import AnchorQuantizer
from regard.backbones import attended, head_name

if TYPE_CHECKING:
    from regard.models.base import Freezable


PRIOR_GAIN = 10.0


class Rates(TypedDict, total=False):
    """Learning rates of parts and weight decay; a part that is absent or None has the common learning rate."""

    backbone_lr: float | None
    """Of the backbone; lower for pretrained networks."""
    attention_lr: float | None
    """Of the attention; higher beside a pretrained backbone, since its weights start fresh."""
    anchors_lr: float | None
    """Of the anchors; 0 leaves them where they start."""
    weight_decay: float
    """Of weights with two or more dimensions; none by default."""


def parameter_groups(model: Freezable, lr: float, **rates: Unpack[Rates]) -> list[dict[str, Any]]:
    """Every parameter that learns, once, in groups with ``name``, ``params``, ``lr``, ``weight_decay``.

    Parts are ``backbone``, ``attention``, ``anchors``, their ``prior`` and ``head`` (classifier, or bottleneck and
    decoder). Anchors, prior, biases, the parameters of normalisations and whatever the network itself excepts (timm's
    ``no_weight_decay``) are never decayed. The prior learns ten times as fast as the rest:
    its log probabilities move by units where weights move by hundredths, and a prior that lags overstates the code
    length of every map.

    Args:
        model: an attentive classifier or segmenter.
        lr: learning rate of parts without their own.
        **rates: learning rates of parts, and weight decay; see ``Rates``.

    Raises:
        TypeError: another name among the rates.
    """
    if unknown := sorted(rates.keys() - Rates.__annotations__):
        known = ", ".join(Rates.__annotations__)
        raise TypeError(f"parameter_groups: no {', '.join(unknown)}; it takes {known}")
    trunk = model.trunk
    layers = attended(trunk)
    attention = {p for layer in layers.values() for p in layer.attention.parameters()}
    quantizers = [module for module in trunk.modules() if isinstance(module, AnchorQuantizer)]
    anchors, prior = {q.raw for q in quantizers}, {q.prior_logits for q in quantizers}
    own = all(name.startswith("trunk.") for name, _ in model.named_parameters())
    head = _head_parameters(trunk) if own else set()
    excepted = _excepted(trunk)
    weight_decay = rates.get("weight_decay", 0.0)
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        part = "head" if parameter in head or not name.startswith("trunk.") else "backbone"
        part = "attention" if parameter in attention else part
        part = "anchors" if parameter in anchors else "prior" if parameter in prior else part
        decayed = weight_decay > 0 and parameter.ndim > 1 and parameter not in excepted
        key = part if decayed or not weight_decay or part in ("anchors", "prior") else f"{part}, not decayed"
        decay = weight_decay if decayed else 0.0
        rate = _rate(part, lr, rates)
        group = groups.setdefault(key, {"name": key, "params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def _rate(part: str, lr: float, rates: Rates) -> float:
    if part == "prior":
        return PRIOR_GAIN * lr
    own = rates.get(f"{part}_lr")
    return lr if own is None else own  # type: ignore[return-value]


def _head_parameters(trunk: nn.Module) -> set[nn.Parameter]:
    name = head_name(trunk)
    return set(trunk.get_submodule(name).parameters()) if name else set()


def _excepted(trunk: nn.Module) -> set[nn.Parameter]:
    """Parameters without weight decay (timm's ``no_weight_decay``), named as before or after attaching."""
    listed: set[str] = set(getattr(trunk, "no_weight_decay", tuple)())
    excepted = set()
    for name, parameter in trunk.named_parameters():
        original = name
        for layer in attended(trunk):
            original = original.replace(f"{layer}.module.", f"{layer}.")
        if {name, original} & listed:
            excepted.add(parameter)
    return excepted
