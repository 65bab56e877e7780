"""When a range of values is only rounding: resizing computes in float32."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

ROUNDING = 1e-6
"""Values nearer to each other than this share of the larger magnitude are the same number."""


def flat(low: Float[Tensor, "*n"], high: Float[Tensor, "*n"]) -> Bool[Tensor, "*n"]:
    """Whether values from `low` to `high` are one value but for rounding, so that they rank nothing (*n,) bool.

    >>> import torch
    >>> flat(torch.tensor([0.1, 0.0]), torch.tensor([0.1 + 1e-8, 1e-30])).tolist()
    [True, False]
    """
    return (high - low) <= ROUNDING * low.abs().maximum(high.abs())
