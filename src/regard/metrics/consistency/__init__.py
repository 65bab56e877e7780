"""Does the map stay when it should? The interpretability score, equivariance, and stability under small changes.

All of it is satisfied by a map that never changes: `constant_map` stands beside every number, and no number of this
room says that a map is right.
"""

from regard.metrics.consistency.changes import high_pass, jpeg, low_pass, noise, overwrite
from regard.metrics.consistency.equivariance import WARPS, Equivariance, Warp, equivariance
from regard.metrics.consistency.score import (
    THRESHOLDS,
    Consistency,
    consistency,
    constant_map,
    explained,
    stability,
)

__all__ = [
    "THRESHOLDS",
    "WARPS",
    "Consistency",
    "Equivariance",
    "Warp",
    "consistency",
    "constant_map",
    "equivariance",
    "explained",
    "high_pass",
    "jpeg",
    "low_pass",
    "noise",
    "overwrite",
    "stability",
]
