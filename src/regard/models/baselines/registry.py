"""Baselines by name: cbam, abn, vit_ib (attached), gap, ltpa (readouts)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from torch import nn

from regard.backbones import last_layer, nearest, recommended_layer
from regard.models.baselines.abn import branch_of
from regard.models.baselines.cbam import Cbam
from regard.models.baselines.readouts import GapReadout, LtpaReadout, Readout
from regard.models.baselines.vit_ib import MessageBottleneck, heads_at, message_layers
from regard.types import RegardError

_Build = Callable[[int], nn.Module]
_Shape = tuple[int, int, int]


def _cbam(trunk: nn.Module, at: list[str], num_classes: int, *, reduction: float = 16, kernel: int = 7) -> _Build:
    return lambda channels: Cbam(channels, reduction=reduction, kernel=kernel)


def _abn(trunk: nn.Module, at: list[str], num_classes: int, *, stage: str | None = None) -> _Build:
    if len(at) != 1:
        raise RegardError(f"abn: {len(at)} layers; it attends at one")
    branch = branch_of(trunk, at[0], num_classes, stage=stage)
    return lambda channels: branch


def _vit_ib(trunk: nn.Module, at: list[str], num_classes: int, *, latent: int = 32, hidden: int = 64) -> _Build:
    heads = sorted({heads_at(trunk, name) for name in at})
    if len(heads) != 1:
        raise RegardError(f"vit_ib: attention with {heads} heads; name layers of one number")
    return lambda channels: MessageBottleneck(channels, heads=heads[0], latent=latent, hidden=hidden)


ATTACHED: dict[str, Callable[..., _Build]] = {"cbam": _cbam, "abn": _abn, "vit_ib": _vit_ib}
"""name -> (network, layers, number of classes, options) -> a function of the channels, for ``attach``."""
READOUTS: dict[str, Callable[..., Readout]] = {"gap": GapReadout, "ltpa": LtpaReadout}
"""name -> (channels of the layers, width of the last features, number of classes, options) -> a readout."""
LAYERS: dict[str, Callable[[nn.Module, _Shape], list[str]]] = {
    "gap": lambda trunk, shape: [last_layer(trunk, shape)],
    "ltpa": lambda trunk, shape: list(dict.fromkeys([recommended_layer(trunk), last_layer(trunk, shape)])),
    "vit_ib": lambda trunk, _: message_layers(trunk),
}
"""name -> (network, (C,H,W) of its images) -> default layers; other baselines take the default of attention."""
BASELINE_NAMES = (*ATTACHED, *READOUTS)


def check_options(name: str, options: Iterable[str]) -> None:
    """Checks the options of a baseline, the keyword arguments of its builder.

    Raises:
        RegardError: an unknown option.
    """
    build = ATTACHED[name] if name in ATTACHED else READOUTS[name]
    allowed = [p.name for p in inspect.signature(build).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for key in options:
        if key not in allowed:
            raise RegardError(
                f"attention={name!r} has no option {key}; nearest: {nearest(key, allowed) or 'it has none'}"
            )
