"""Parameters in groups for an optimiser: one learning rate a part, weight decay where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from regard.attention import AnchorQuantizer
from regard.backbones import attended, head_name

if TYPE_CHECKING:
    from regard.models.classifier import AttentiveClassifier


def parameter_groups(
    classifier: AttentiveClassifier,
    lr: float,
    *,
    backbone_lr: float | None = None,
    anchors_lr: float | None = None,
    weight_decay: float = 0.0,
) -> list[dict[str, Any]]:
    """Every parameter that learns, once, in groups with ``name``, ``params``, ``lr``, ``weight_decay``.

    Parts are ``backbone``, ``attention``, ``anchors`` (with the anchors' prior) and ``head`` (classifier, or bottleneck
    and decoder). Anchors, biases, the parameters of normalisations and whatever the network itself excepts (timm's
    ``no_weight_decay``) are never decayed.

    Args:
        classifier: an attentive classifier.
        lr: learning rate of attention and head.
        backbone_lr: of the backbone; ``lr`` if None.
        anchors_lr: of the anchors; ``lr`` if None.
        weight_decay: for weights with two or more dimensions.
    """
    trunk = classifier.trunk
    layers = attended(trunk)
    attention = {p for layer in layers.values() for p in layer.attention.parameters()}
    anchors = {p for module in trunk.modules() if isinstance(module, AnchorQuantizer) for p in module.parameters()}
    own = classifier.bottleneck is None and classifier.readout is None
    head = _head_parameters(trunk) if own else set()
    excepted = _excepted(trunk)
    rates = {
        "backbone": lr if backbone_lr is None else backbone_lr,
        "attention": lr,
        "anchors": lr if anchors_lr is None else anchors_lr,
        "head": lr,
    }
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in classifier.named_parameters():
        if not parameter.requires_grad:
            continue
        part = "head" if parameter in head or not name.startswith("trunk.") else "backbone"
        part = "anchors" if parameter in anchors else "attention" if parameter in attention else part
        decayed = weight_decay > 0 and part != "anchors" and parameter.ndim > 1 and parameter not in excepted
        key = part if decayed or not weight_decay or part == "anchors" else f"{part}, not decayed"
        decay = weight_decay if decayed else 0.0
        group = groups.setdefault(key, {"name": key, "params": [], "lr": rates[part], "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def _head_parameters(trunk: nn.Module) -> set[nn.Parameter]:
    name = head_name(trunk)
    return set(trunk.get_submodule(name).parameters()) if name else set()


def _excepted(trunk: nn.Module) -> set[nn.Parameter]:
    """What the network excepts from weight decay; names may be those before or after attaching."""
    listed: set[str] = set(getattr(trunk, "no_weight_decay", tuple)())
    excepted = set()
    for name, parameter in trunk.named_parameters():
        original = name
        for layer in attended(trunk):
            original = original.replace(f"{layer}.module.", f"{layer}.")
        if {name, original} & listed:
            excepted.add(parameter)
    return excepted
