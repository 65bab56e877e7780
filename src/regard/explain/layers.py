"""Which layer to look at when nobody says so: one in the middle, or, for class activation maps, the last."""

from __future__ import annotations

from torch import nn

from regard.backbones import find_layout, last_layer, locate, recommended_layer
from regard.types import RegardError


def default_layer(network: nn.Module) -> str:
    """The layer of ``regard.backbones.recommended_layer``, also of a network one step inside a wrapper.

    A wrapper is what normalises images in front of a network, as in ``nn.Sequential(Normalize(...), network)``.

    Raises:
        RegardError: a network that is not known; some of its layers are listed.
    """
    try:
        return recommended_layer(network)
    except RegardError as error:
        for prefix, child in network.named_children():
            try:
                return f"{prefix}.{recommended_layer(child)}"
            except RegardError:
                continue
        raise RegardError(f"layer=: {str(error).removeprefix('at=: ').replace(' to attend at', '')}") from error


def last_positions(network: nn.Module, shape: tuple[int, int, int]) -> str:
    """The last layer with positions, where Grad-CAM's authors look; the default layer of a network of tokens.

    Raises:
        RegardError: no layer has positions.
    """
    try:
        name = default_layer(network)
        layout, _ = find_layout(network, name, locate(network, name)[2], shape)
    except RegardError:
        return last_layer(network, shape)
    return name if layout.kind == "tokens" else last_layer(network, shape)
