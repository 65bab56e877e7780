"""Which layer to look at when nobody says so."""

from __future__ import annotations

from torch import nn

from regard.backbones import recommended_layer
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
