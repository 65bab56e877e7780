"""Controls: maps that do not depend on the network, the floor for every method."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from regard.explain.context import ExplainContext
from regard.metrics import controls
from regard.types import Map


def random_control(
    context: ExplainContext,
    *,
    bandwidth: float | None = None,
    seed: int = 0,
    index: Int[Tensor, " B"] | None = None,
) -> Map:
    """Blurred noise, equally smooth everywhere (see ``regard.metrics.controls.blurred_noise``).

    Args:
        context: only the number and size of its images are used.
        bandwidth: standard deviation of the blur in pixels; by default a sixteenth of the shorter side.
        seed: with the index it determines the map.
        index: of each image in its data set, so that batches do not change its map; by default its place in the batch.
    """
    B, _, H, W = context.images.shape
    sigma = min(H, W) / 16 if bandwidth is None else bandwidth
    index = torch.arange(B) if index is None else index
    return controls.blurred_noise((H, W), sigma, index=index.to(context.images.device), seed=seed)


def center_control(context: ExplainContext, *, spread: float = 0.25) -> Map:
    """A Gaussian at the middle of the image; ``spread`` is its standard deviation as a share of each side."""
    B, _, H, W = context.images.shape
    return controls.center_map(B, (H, W), spread=spread, device=context.images.device)


def uniform_control(context: ExplainContext) -> Map:
    """One everywhere."""
    B, _, H, W = context.images.shape
    return controls.uniform_map(B, (H, W), device=context.images.device)
