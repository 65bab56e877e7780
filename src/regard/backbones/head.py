"""A network's classifier: found, and taken off."""

from __future__ import annotations

from torch import nn

from regard.types import RegardError


def head_name(model: nn.Module) -> str | None:
    """Name of the linear classifier: ``head`` of our own networks, what a timm network says, else the last linear
    layer.
    """
    for name in (_declared(model), "head"):
        if name and isinstance(_get(model, name), nn.Linear):
            return name
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def take_head(model: nn.Module) -> int:
    """Replaces the classifier by the identity, so that the network returns the classifier's input.

    Returns:
        The width of that input.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    name = head_name(model)
    head = _get(model, name) if name else None
    if name is None or not isinstance(head, nn.Linear):
        raise RegardError(f"{type(model).__name__} does not end in a linear classifier, so a latent has no place in it")
    replace_head(model, name, nn.Identity())
    return head.in_features


def fit_head(model: nn.Module, num_classes: int) -> None:
    """A fresh classifier where the network's own has another number of classes.

    Raises:
        RegardError: the network does not end in one linear layer, so nobody can tell how many classes it has.
    """
    name = head_name(model)
    head = _get(model, name) if name else None
    if name is None or not isinstance(head, nn.Linear):
        raise RegardError(f"{type(model).__name__} does not end in a linear classifier of {num_classes} classes")
    if head.out_features != num_classes:
        fresh = nn.Linear(head.in_features, num_classes, bias=head.bias is not None)
        replace_head(model, name, fresh.to(head.weight))


def replace_head(model: nn.Module, name: str, head: nn.Module) -> None:
    """Puts another module in the classifier's place."""
    parent, _, key = name.rpartition(".")
    setattr(model.get_submodule(parent), key, head)


def _declared(model: nn.Module) -> str | None:
    config = getattr(model, "pretrained_cfg", None) or {}
    name = config.get("classifier")
    return name if isinstance(name, str) else None


def _get(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None
