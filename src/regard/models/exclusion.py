"""Which classifiers may leave closed tokens out: those whose gate multiplies by zero."""

from __future__ import annotations

from torch import nn

from regard.attention import MaskGate, SpatialAttention
from regard.backbones import attended, exclude_tokens
from regard.types import RegardError


def exclude_closed(trunk: nn.Module, shape: tuple[int, int, int]) -> None:
    """As ``exclude_tokens``, once every attended layer has a mask gate.

    A noise gate prices what it lets through; that a token is missing would tell of the image without being paid for. A
    residual gate closes nothing.

    Raises:
        RegardError: another gate, nothing attended, or a network that cannot exclude tokens.
    """
    layers = attended(trunk)
    for name, layer in layers.items():
        attention = layer.attention
        if not isinstance(attention, SpatialAttention) or not isinstance(attention.gate, MaskGate):
            raise RegardError(f'exclude_tokens: the gate at {name} does not multiply by zero; take attention="mask"')
    if not layers:
        raise RegardError('exclude_tokens: nothing is attended; give attention="mask"')
    exclude_tokens(trunk, input_size=shape)
