"""Attention by name: a plain dict, one entry a mechanism that a user can ask for."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from regard.attention.gates import Gate, MaskGate, NoiseGate, ResidualGate
from regard.attention.heads import ContextHead
from regard.attention.maps import (
    CenterMap,
    DeterministicMap,
    Proposal,
    RandomMap,
    UniformMap,
    VariationalMap,
    conv_head,
)
from regard.attention.quantizer import AnchorQuantizer, TopShare
from regard.attention.spatial import SpatialAttention
from regard.types import RegardError

LEARNED_MAPS: dict[str, Callable[..., Proposal]] = {"variational": VariationalMap, "deterministic": DeterministicMap}
"""name -> (channels, head=) -> map that is learned."""
FIXED_MAPS: dict[str, Callable[..., Proposal]] = {"uniform": UniformMap, "center": CenterMap, "random": RandomMap}
"""name -> (options) -> map that is not."""
GATES: dict[str, Callable[[int], Gate]] = {
    "residual": lambda _: ResidualGate(),
    "mask": lambda _: MaskGate(),
    "noise": NoiseGate,
}
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
"""name -> (proposal, gate, head). ``aib`` is the paper's; ``noise`` is regard's default."""
INITIAL = {"conv": 0.5, "context": 0.8}
"""Where a learned map starts: the paper's halfway, or rather open, so that the trunk learns before the gate closes."""


def create_attention(
    name: str,
    channels: int,
    *,
    anchors: int | None = None,
    head: nn.Module | str | None = None,
    initial: float | None = None,
    initial_std: float | None = None,
    learned_std: bool | None = None,
    keep: float | None = None,
    **options: Any,
) -> SpatialAttention:
    """An attention module by name.

    Args:
        name: a key of ``ATTENTION``, or ``proposal+gate``, such as ``center+noise`` (learned ones with a context head).
        channels: C of the features.
        anchors: number of anchors Q, or None for a continuous map.
        head: for learned maps: a key of ``HEADS``, or a module from features (B,C,H,W) to map logits (B,1,H,W).
        initial: where a learned map starts, in (0,1); not for a head that is a module, which starts where it likes.
        initial_std: where the standard deviation of a variational map starts; see ``VariationalMap``.
        learned_std: whether it is learned, or stays there; learned by default.
        keep: share of positions that every map leaves open, those with its highest values, in place of anchors.
        options: of a fixed map, such as ``value`` of ``uniform``.

    Raises:
        RegardError: no such name (the near ones are given), or an option that this map does not have.
    """
    proposal_name, gate_name, own_head = _parts(name)
    width = {"initial_std": initial_std, "learned_std": learned_std}
    width = {key: value for key, value in width.items() if value is not None}
    said = {"head": head, "initial": initial}
    _check_options(name, proposal_name, [*(key for key, value in said.items() if value is not None), *width, *options])
    if proposal_name in LEARNED_MAPS:
        own = _head(own_head if head is None else head, channels, initial)
        proposal = LEARNED_MAPS[proposal_name](channels, head=own, **width)
    else:
        proposal = FIXED_MAPS[proposal_name](**options)
    gate = GATES[gate_name](channels)
    if keep is not None and anchors is not None:
        raise RegardError(
            f"keep={keep} beside anchors={anchors}: a map is open or closed, or has anchors; leave one out"
        )
    quantizer = None if anchors is None else AnchorQuantizer(anchors, upper=gate.upper, pinned=gate.pinned)
    return SpatialAttention(proposal, gate, quantizer, None if keep is None else TopShare(keep, upper=gate.upper))


def _check_options(name: str, proposal: str, given: list[str]) -> None:
    if proposal in LEARNED_MAPS:
        known = ["head", "initial", *(["initial_std", "learned_std"] if proposal == "variational" else [])]
    else:
        known = [*inspect.signature(FIXED_MAPS[proposal]).parameters]
    for key in given:
        if key not in known:
            raise RegardError(f"attention={name!r}: its map has no option {key}; it may be given {', '.join(known)}")


def _head(head: nn.Module | str, channels: int, initial: float | None) -> nn.Module:
    if initial is not None and not 0 < initial < 1:
        raise RegardError(f"initial={initial}: where a map starts lies between 0 and 1, both excluded")
    if isinstance(head, nn.Module):
        if initial is not None:
            raise RegardError(f"initial={initial} does not reach a head that is a module; set its bias instead")
        return head
    if head not in HEADS:
        raise RegardError(f"head={head!r}: no such head; there are {', '.join(HEADS)}, or give a module")
    return HEADS[head](channels, INITIAL[head] if initial is None else initial)


def _parts(name: str) -> tuple[str, str, str]:
    if name in ATTENTION:
        return ATTENTION[name]
    proposal, _, gate = name.partition("+")
    if proposal in LEARNED_MAPS | FIXED_MAPS and gate in GATES:
        return proposal, gate, "context"
    near = difflib.get_close_matches(name, ATTENTION, n=3, cutoff=0.4) or sorted(ATTENTION)
    raise RegardError(f"attention={name!r}: no such mechanism; did you mean {' or '.join(near)}?")
