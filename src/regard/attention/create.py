"""Attention by name: ``create_attention("noise", 256)``, as timm's ``create_model``.

    name                  map            gate      head      meaning
    noise                 variational    noise     context   regard's default: bits per position
    deterministic-noise   deterministic  noise     context   the same without noise in the map
    mask                  variational    mask      context   excludes, has no price
    aib                   variational    residual  conv      Lai et al., IJCAI 2021: emphasises, excludes nothing
    deterministic         deterministic  residual  conv      the same without noise in the map
    uniform               uniform        residual            control
    center                center         residual            control
    random                random         residual            control

Any map goes with any gate: ``center+noise``, ``deterministic+mask`` (learned maps then have a context head).

The random map of a noise gate holds its spread (``logit_std`` .1) unless another is asked for: where it is learned, the
task drives it to nothing (observed: .003), and the map is random in name only.
"""

from __future__ import annotations

import difflib
import fnmatch
import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from regard.attention.gates import Gate, MaskGate, NoiseGate, ResidualGate
from regard.attention.heads import ContextHead, conv_head
from regard.attention.maps import CenterMap, DeterministicMap, MapProposal, RandomMap, UniformMap, VariationalMap
from regard.attention.projection import BudgetOf, Projection
from regard.attention.quantizer import AnchorQuantizer, TopShare
from regard.attention.spatial import SpatialAttention
from regard.types import RegardError

LEARNED_MAPS: dict[str, Callable[..., MapProposal]] = {"variational": VariationalMap, "deterministic": DeterministicMap}
"""name -> (channels, head=) -> learned map."""
FIXED_MAPS: dict[str, Callable[..., MapProposal]] = {"uniform": UniformMap, "center": CenterMap, "random": RandomMap}
"""name -> (options) -> map that is not learned."""
GATES: dict[str, Callable[[int], Gate]] = {
    "residual": lambda _: ResidualGate(),
    "mask": lambda _: MaskGate(),
    "noise": NoiseGate,
}
"""name -> (channels) -> gate."""
HEADS: dict[str, Callable[..., nn.Module]] = {"conv": conv_head, "context": ContextHead}
"""name -> (channels, initial value of the map) -> head of a learned map."""
ATTENTION: dict[str, tuple[str, str, str]] = {
    "noise": ("variational", "noise", "context"),
    "aib": ("variational", "residual", "conv"),
    "mask": ("variational", "mask", "context"),
    "deterministic": ("deterministic", "residual", "conv"),
    "deterministic-noise": ("deterministic", "noise", "context"),
    "uniform": ("uniform", "residual", ""),
    "center": ("center", "residual", ""),
    "random": ("random", "residual", ""),
}
"""name -> (map, gate, head)."""
LOGIT_STD = 0.1
"""Spread of the logits of a noise gate's random map."""
INITIAL = {"conv": 0.5, "context": 0.8}
"""Start of a learned map by head: .5 as in the paper, or rather open, so that the trunk learns before the gate closes.
"""


def list_attention(pattern: str = "*") -> list[str]:
    """Names for ``create_attention`` that match ``pattern``.

    >>> list_attention("*noise")
    ['deterministic-noise', 'noise']
    """
    return fnmatch.filter(sorted(ATTENTION), pattern)


def create_attention(
    name: str,
    channels: int,
    *,
    anchors: int | None = None,
    head: nn.Module | str | None = None,
    initial: float | None = None,
    initial_std: float | None = None,
    learned_std: bool | None = None,
    logit_std: float | None = None,
    keep: float | None = None,
    budget: float | None = None,
    budget_of: BudgetOf = "bits",
    per_image: bool = False,
    schedule: tuple[float, float] = (0.2, 0.7),
    **options: Any,
) -> SpatialAttention:
    """An attention module by name: features (B,C,H,W) -> AttentionOutput.

    >>> import torch
    >>> output = create_attention("noise", 16, anchors=8)(torch.randn(4, 16, 12, 12), samples=3)
    >>> output.map.shape, output.price.shape
    (torch.Size([3, 4, 1, 12, 12]), torch.Size([3, 4, 1, 12, 12]))

    Args:
        name: one of ``list_attention()``, or ``map+gate``, such as ``center+noise``.
        channels: C of the features.
        anchors: number of anchors Q, or None for a continuous map.
        head: of a learned map: a key of ``HEADS``, or a module from features (B,C,H,W) to map logits (B,1,H,W).
        initial: start of a learned map, in (0,1); not with a head that is a module.
        initial_std: start of the standard deviation of a variational map; see ``VariationalMap``.
        learned_std: whether that is learned (default, except with a noise gate) or constant.
        logit_std: holds it at this constant spread of the map's logit instead; .1 with a noise gate.
        keep: share of positions that every map leaves open, those with its highest values; not with anchors.
        budget: what every image may pay on average, kept by construction; see ``regard.attention.projection``. None
            for no budget.
        budget_of: what that is: ``bits`` through the gate, a share of positions that is ``kept``, bits of ``code``.
        per_image: every image pays the budget, not their average.
        schedule: the shares of training between which the budget falls from an open map; see ``set_progress``.
        options: of a fixed map, such as ``value`` of ``uniform``.

    Raises:
        RegardError: unknown name (the nearest are listed), or an option that this map does not have.
    """
    map_name, gate_name, head_name = _parts(name)
    if map_name == "variational" and gate_name == "noise" and (initial_std, learned_std, logit_std) == (None,) * 3:
        logit_std = LOGIT_STD
    std = {"initial_std": initial_std, "learned_std": learned_std, "logit_std": logit_std}
    std = {key: value for key, value in std.items() if value is not None}
    start = {key: value for key, value in {"head": head, "initial": initial}.items() if value is not None}
    _check_options(name, map_name, [*start, *std, *options])
    proposal: MapProposal
    if map_name in LEARNED_MAPS:
        module = _head(head_name if head is None else head, channels, initial)
        proposal = LEARNED_MAPS[map_name](channels, head=module, **std)
    else:
        proposal = FIXED_MAPS[map_name](**options)
    if keep is not None and anchors is not None:
        raise RegardError(f"keep={keep} and anchors={anchors}: both make the map discrete; leave one out")
    gate = GATES[gate_name](channels)
    quantizer = None if anchors is None else AnchorQuantizer(anchors, upper=gate.upper, pinned=gate.pinned)
    top = None if keep is None else TopShare(keep, upper=gate.upper)
    projection = None
    if budget is not None:
        begin, end = schedule
        projection = Projection(budget, budget_of, per_image=per_image, begin=begin, end=end)
    return SpatialAttention(proposal, gate, quantizer, top, projection)


def _parts(name: str) -> tuple[str, str, str]:
    """Map, gate and head of a mechanism."""
    if name in ATTENTION:
        return ATTENTION[name]
    proposal, _, gate = name.partition("+")
    if proposal in LEARNED_MAPS | FIXED_MAPS and gate in GATES:
        return proposal, gate, "context"
    nearest = difflib.get_close_matches(name, ATTENTION, n=3, cutoff=0.4) or sorted(ATTENTION)
    raise RegardError(f"attention={name!r}: no such mechanism; did you mean {' or '.join(nearest)}?")


def _check_options(name: str, map_name: str, options: list[str]) -> None:
    if map_name in LEARNED_MAPS:
        allowed = [
            "head",
            "initial",
            *(["initial_std", "learned_std", "logit_std"] if map_name == "variational" else []),
        ]
    else:
        allowed = [*inspect.signature(FIXED_MAPS[map_name]).parameters]
    for option in options:
        if option not in allowed:
            raise RegardError(f"attention={name!r}: its map has no option {option}; it takes {', '.join(allowed)}")


def _head(head: nn.Module | str, channels: int, initial: float | None) -> nn.Module:
    if initial is not None and not 0 < initial < 1:
        raise RegardError(f"initial={initial}: the start of a map is between 0 and 1, both excluded")
    if isinstance(head, nn.Module):
        if initial is not None:
            raise RegardError(f"initial={initial} does not reach a head that is a module; set its bias instead")
        return head
    if head not in HEADS:
        raise RegardError(f"head={head!r}: no such head; there are {', '.join(HEADS)}, or give a module")
    return HEADS[head](channels, INITIAL[head] if initial is None else initial)
