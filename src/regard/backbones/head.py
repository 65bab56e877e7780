"""The classifier of a network: find it, remove it, replace it, add a hidden layer."""

from __future__ import annotations

from torch import nn

from regard.types import RegardError


class HiddenHead(nn.Sequential):
    """A classifier with one hidden layer: features (B,in) -> logits (B,n)."""

    def __init__(self, in_features: int, hidden: int, num_classes: int) -> None:
        super().__init__(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))
        self.in_features, self.out_features = in_features, num_classes


def head_name(model: nn.Module) -> str | None:
    """Name of the classifier: the one that timm declares, ``head`` of regard's networks, else the last linear layer."""
    for name in (_declared(model), "head"):
        if name and isinstance(_get(model, name), nn.Linear | HiddenHead):
            return name
    hidden = [name for name, module in model.named_modules() if isinstance(module, HiddenHead)]
    if hidden:
        return hidden[-1]
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def take_head(model: nn.Module) -> int:
    """Replaces the classifier by the identity, so that the network returns the classifier's input.

    Returns:
        The width of that input.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    name, head = _head(model, "so it has no place for a latent")
    replace_head(model, name, nn.Identity())
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
        replace_head(model, name, fresh.to(next(head.parameters())))


def hide_head(model: nn.Module, hidden: int) -> None:
    """A fresh classifier with a hidden layer in place of the network's own.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    name, head = _head(model, "so it has no place for a hidden layer")
    replace_head(model, name, HiddenHead(head.in_features, hidden, head.out_features).to(next(head.parameters())))


def replace_head(model: nn.Module, name: str, head: nn.Module) -> None:
    """Puts another module in the classifier's place."""
    parent, _, key = name.rpartition(".")
    setattr(model.get_submodule(parent), key, head)


def _declared(model: nn.Module) -> str | None:
    config = getattr(model, "pretrained_cfg", None) or {}
    name = config.get("classifier")
    return name if isinstance(name, str) else None


def _head(model: nn.Module, need: str) -> tuple[str, nn.Linear | HiddenHead]:
    name = head_name(model)
    head = _get(model, name) if name else None
    if name is None or not isinstance(head, nn.Linear | HiddenHead):
        raise RegardError(f"{type(model).__name__} does not end in a linear classifier, {need}")
    return name, head


def _get(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None
