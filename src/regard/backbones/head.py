"""The ends of a network: its classifier is found, removed, replaced or given a hidden layer; its first convolution gets
the channels of a stack of optical flow.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from regard.types import RegardError


class HiddenHead(nn.Sequential):
    """A classifier with one hidden layer: features (B,in) -> logits (B,n)."""

    def __init__(self, in_features: int, hidden: int, num_classes: int) -> None:
        super().__init__(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))
        self.in_features, self.out_features = in_features, num_classes


def head_name(model: nn.Module) -> str | None:
    """Name of the classifier: the one that timm declares, ``head`` of regard's networks, else the last linear layer."""
    modules = dict(model.named_modules(remove_duplicate=False))
    declared = (getattr(model, "pretrained_cfg", None) or {}).get("classifier")
    for name in (declared, "head"):
        if isinstance(name, str) and isinstance(modules.get(name), nn.Linear | HiddenHead):
            return name
    for kind in (HiddenHead, nn.Linear):
        names = [name for name, module in model.named_modules() if isinstance(module, kind)]
        if names:
            return names[-1]
    return None


def take_head(model: nn.Module) -> int:
    """Replaces the classifier by the identity, so that the network returns the classifier's input.

    Returns:
        The width of that input.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    name, head = _head(model, "so it has no place for a latent")
    model.set_submodule(name, nn.Identity())
    return head.in_features


def fit_head(model: nn.Module, num_classes: int) -> None:
    """A fresh linear classifier where the network's own has another number of classes.

    Raises:
        RegardError: the network does not end in one linear layer, so its number of classes is unknown.
    """
    name, head = _head(model, f"which {num_classes} classes need")
    if head.out_features != num_classes:
        bias = isinstance(head, HiddenHead) or head.bias is not None
        fresh = nn.Linear(head.in_features, num_classes, bias=bias)
        model.set_submodule(name, fresh.to(next(head.parameters())))


def hide_head(model: nn.Module, hidden: int) -> None:
    """A fresh classifier with a hidden layer in place of the network's own, which has to be one linear layer."""
    name, head = _head(model, "so it has no place for a hidden layer")
    fresh = HiddenHead(head.in_features, hidden, head.out_features)
    model.set_submodule(name, fresh.to(next(head.parameters())))


def _head(model: nn.Module, need: str) -> tuple[str, nn.Linear | HiddenHead]:
    name = head_name(model)
    head = model.get_submodule(name) if name else None
    if name is None or not isinstance(head, nn.Linear | HiddenHead):
        raise RegardError(f"{type(model).__name__} does not end in a linear classifier, {need}")
    return name, head


def inflate(model: nn.Module, channels: int, *, pretrained: bool) -> nn.Module:
    """Gives the first convolution of three channels as many as ``channels``, in place, and returns the network.

    Pretrained filters are averaged over the colours, and repeated, scaled by 3 / ``channels``, so that the
    response to an edge keeps its size (cross-modality pretraining; Wang et al., *Temporal Segment Networks*, ECCV 2016,
    where they are not scaled). Without pretraining they are drawn anew, since equal filters cannot tell x from y.

    Raises:
        RegardError: the network has no convolution of three channels.
    """
    first = next(
        ((name, m) for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.in_channels == 3), None
    )
    if first is None or first[1].groups != 1:
        raise RegardError(
            f"{type(model).__name__} does not begin with a convolution of three channels, so it cannot take "
            f"{channels} channels of flow; choose another backbone"
        )
    name, old = first
    new = copy.deepcopy(old)
    new.in_channels = channels
    new.weight = nn.Parameter(old.weight.new_empty(old.out_channels, channels, *old.kernel_size))
    new.reset_parameters()
    if pretrained:
        with torch.no_grad():
            new.weight.copy_(old.weight.mean(1, keepdim=True).expand_as(new.weight) * (3 / channels))
            if new.bias is not None and old.bias is not None:
                new.bias.copy_(old.bias)
    model.set_submodule(name, new)
    return model
