"""Maps that know nothing of the network: the floors beside every method, under the same door."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from regard.explain.context import Question
from regard.metrics import controls
from regard.types import Map


def random(
    question: Question,
    *,
    bandwidth: float | None = None,
    seed: int = 0,
    index: Int[Tensor, " B"] | None = None,
) -> Map:
    """Blurred noise, as smooth everywhere as ``bandwidth`` says (see ``regard.metrics.controls.blurred_noise``).

    Args:
        question: only its images' number and size count.
        bandwidth: standard deviation of the blur in pixels; by default a sixteenth of the shorter side.
        seed: with the index it decides the map.
        index: of each image in its data set, so that batches do not change its map; by default its place in the batch.
    """
    B, _, H, W = question.images.shape
    sigma = min(H, W) / 16 if bandwidth is None else bandwidth
    index = torch.arange(B) if index is None else index
    return controls.blurred_noise((H, W), sigma, index=index.to(question.images.device), seed=seed)


def center(question: Question, *, spread: float = 0.25) -> Map:
    """A Gaussian at the middle of the image; ``spread`` is its standard deviation as a share of each side."""
    B, _, H, W = question.images.shape
    return controls.centre(B, (H, W), spread=spread, device=question.images.device)


def uniform(question: Question) -> Map:
    """One everywhere."""
    B, _, H, W = question.images.shape
    return controls.uniform(B, (H, W), device=question.images.device)
