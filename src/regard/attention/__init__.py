"""where to look: one mechanism a file, features in, AttentionOutput out.

Not here: how features were made (backbones), what is learned from them (objectives).
"""

from regard.attention.build import ATTENTION, FIXED_MAPS, GATES, HEADS, LEARNED_MAPS, create_attention
from regard.attention.gates import Gate, Gated, MaskGate, NoiseGate, ResidualGate
from regard.attention.heads import ContextHead
from regard.attention.maps import (
    CenterMap,
    DeterministicMap,
    MapDistribution,
    Proposal,
    RandomMap,
    UniformMap,
    VariationalMap,
    conv_head,
)
from regard.attention.quantizer import AnchorQuantizer, Quantized, TopShare, expected_code_length, midpoints
from regard.attention.spatial import SpatialAttention, override_map, repeated

__all__ = [
    "ATTENTION",
    "FIXED_MAPS",
    "GATES",
    "HEADS",
    "LEARNED_MAPS",
    "AnchorQuantizer",
    "CenterMap",
    "ContextHead",
    "DeterministicMap",
    "Gate",
    "Gated",
    "MapDistribution",
    "MaskGate",
    "NoiseGate",
    "Proposal",
    "Quantized",
    "RandomMap",
    "ResidualGate",
    "SpatialAttention",
    "TopShare",
    "UniformMap",
    "VariationalMap",
    "conv_head",
    "create_attention",
    "expected_code_length",
    "midpoints",
    "override_map",
    "repeated",
]
