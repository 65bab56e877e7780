"""What is wrong with a map before it is judged, by name."""

from __future__ import annotations

from jaxtyping import Bool
from torch import Tensor

from regard.metrics.rounding import flat
from regard.types import Map


def undefined(map: Map) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have no area and why, for `scores.score(..., reasons=...)`."""
    return {"map not finite": ~map.values.flatten(1).isfinite().all(1)}


def constant(map: Map) -> Bool[Tensor, " B"]:
    """Which maps rank nothing (B,): one value everywhere but for rounding, an all-zero map among them.

    Their curves have two points and their gap is 0; a drop does not exist for them.

    >>> import torch
    >>> constant(Map(torch.zeros(1, 1, 7, 7), "relevance")).tolist()
    [True]
    """
    values = map.values.float().flatten(1)
    return flat(values.amin(1), values.amax(1))
