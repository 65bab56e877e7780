"""Attention by name: a plain dict, one entry a mechanism that a user can ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from regard.attention.deterministic import DeterministicMap
from regard.attention.fixed import CenterMap, RandomMap, UniformMap
from regard.attention.gates import Gate
from regard.attention.mask import MaskGate
from regard.attention.noise import NoiseGate
from regard.attention.proposals import Proposal
from regard.attention.quantizer import AnchorQuantizer
from regard.attention.residual import ResidualGate
from regard.attention.spatial import SpatialAttention
from regard.attention.variational import VariationalMap

PROPOSALS: dict[str, Callable[..., Proposal]] = {
    "variational": VariationalMap,
    "deterministic": DeterministicMap,
    "uniform": lambda _, **options: UniformMap(**options),
    "center": lambda _, **options: CenterMap(**options),
    "random": lambda _, **options: RandomMap(**options),
}
LEARNED = ("variational", "deterministic")
GATES: dict[str, Callable[[int], Gate]] = {
    "residual": lambda _: ResidualGate(),
    "mask": lambda _: MaskGate(),
    "noise": NoiseGate,
}
ATTENTION: dict[str, tuple[str, str]] = {
    "noise": ("variational", "noise"),
    "aib": ("variational", "residual"),
    "mask": ("variational", "mask"),
    "deterministic": ("deterministic", "residual"),
    "deterministic-noise": ("deterministic", "noise"),
    "uniform": ("uniform", "residual"),
    "center": ("center", "residual"),
    "random": ("random", "residual"),
}
"""name -> (proposal, gate). ``aib`` is the paper's; ``noise`` is regard's default."""


def build_attention(
    name: str, channels: int, *, anchors: int | None = None, head: nn.Module | None = None, **options: Any
) -> SpatialAttention:
    """An attention module by name.

    Args:
        name: a key of ``ATTENTION``, or ``proposal+gate``, such as ``center+noise``.
        channels: C of the features.
        anchors: number of anchors Q, or None for a continuous map.
        head: features (B,C,H,W) -> map logits (B,1,H,W), for learned maps.
        options: of the proposal.
    """
    proposal_name, gate_name = ATTENTION[name] if name in ATTENTION else tuple(name.split("+", 1))
    if head is not None and proposal_name in LEARNED:
        options["head"] = head
    gate = GATES[gate_name](channels)
    proposal = PROPOSALS[proposal_name](channels, **options)
    quantizer = None if anchors is None else AnchorQuantizer(anchors, upper=gate.upper, pinned=gate.pinned)
    return SpatialAttention(proposal, gate, quantizer)
