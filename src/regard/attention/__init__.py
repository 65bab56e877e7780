"""Where to look: features in, a spatial map, gated features and their price out.

A mechanism is a head (`heads`), a map distribution (`maps`), a gate (`gates`) and optionally a quantizer
(`quantizer`) and a budget (`projection`), joined in `spatial` and listed by name in `create`.
Not here: networks that make the features (backbones), losses (objectives).
"""

from regard.attention.create import ATTENTION, FIXED_MAPS, GATES, HEADS, LEARNED_MAPS, create_attention, list_attention
from regard.attention.gates import Gate, Gated, MaskGate, NoiseGate, ResidualGate, floored_std, noise_price
from regard.attention.glance import Bought, GlanceAttention, Places
from regard.attention.heads import ContextHead, conv_head
from regard.attention.maps import (
    CenterMap,
    DeterministicMap,
    LearnedMap,
    MapDistribution,
    MapProposal,
    RandomMap,
    UniformMap,
    VariationalMap,
)
from regard.attention.projection import (
    BudgetOf,
    Projection,
    projections,
    set_progress,
    share_budget,
    solve_threshold,
)
from regard.attention.quantizer import AnchorQuantizer, TopShare, expected_code_length, midpoints
from regard.attention.spatial import MapOverride, SpatialAttention, override_map, repeat_samples

__all__ = [
    "ATTENTION",
    "FIXED_MAPS",
    "GATES",
    "HEADS",
    "LEARNED_MAPS",
    "AnchorQuantizer",
    "Bought",
    "BudgetOf",
    "CenterMap",
    "ContextHead",
    "DeterministicMap",
    "Gate",
    "Gated",
    "GlanceAttention",
    "LearnedMap",
    "MapDistribution",
    "MapOverride",
    "MapProposal",
    "MaskGate",
    "NoiseGate",
    "Places",
    "Projection",
    "RandomMap",
    "ResidualGate",
    "SpatialAttention",
    "TopShare",
    "UniformMap",
    "VariationalMap",
    "conv_head",
    "create_attention",
    "expected_code_length",
    "floored_std",
    "list_attention",
    "midpoints",
    "noise_price",
    "override_map",
    "projections",
    "repeat_samples",
    "set_progress",
    "share_budget",
    "solve_threshold",
]
