"""where to look: one mechanism a file, features in, AttentionOutput out.

Not here: how features were made (backbones), what is learned from them (objectives).
"""

from regard.attention.code import expected_code_length
from regard.attention.context import ContextHead
from regard.attention.deterministic import DeterministicMap
from regard.attention.fixed import CenterMap, RandomMap, UniformMap
from regard.attention.gates import Gate, Gated
from regard.attention.given import given_map, repeated
from regard.attention.mask import MaskGate
from regard.attention.noise import NoiseGate
from regard.attention.presets import ATTENTION, FIXED_MAPS, GATES, HEADS, LEARNED_MAPS, build_attention
from regard.attention.proposals import MapDistribution, Proposal
from regard.attention.quantizer import AnchorQuantizer, Quantized, midpoints
from regard.attention.residual import ResidualGate
from regard.attention.spatial import SpatialAttention
from regard.attention.top_share import TopShare
from regard.attention.variational import VariationalMap, conv_head

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
    "build_attention",
    "conv_head",
    "expected_code_length",
    "given_map",
    "midpoints",
    "repeated",
]
