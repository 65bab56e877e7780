"""How wide a kernel: the sigma under which observers predict each other best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from regard.gaze.fixations import Fixations
from regard.types import RegardError


@dataclass(frozen=True)
class Bandwidth:
    """Result of a cross-validation.

    Attributes:
        sigma: the best, in image pixels.
        sigmas: all that were tried.
        bits: for each, mean log2-likelihood of a fixation under the other observers', relative to the uniform density.
    """

    sigma: float
    sigmas: tuple[float, ...]
    bits: tuple[float, ...]


def cross_validated_sigma(fixations: Fixations, *, sigmas: Sequence[float], uniform: float = 0.05) -> Bandwidth:
    """The sigma of the kernel density with the highest likelihood, leaving one observer out.

    A fixation's density is (1 - uniform) * mean over the other observers' fixations of N(d; sigma^2) + uniform / area;
    the kernel's mass beyond the borders is not put back, which favours small sigmas slightly.

    Args:
        fixations: with at least two observers on some image.
        sigmas: candidates in image pixels.
        uniform: share of the uniform density, which bounds what an isolated fixation costs.

    Raises:
        RegardError: no image has two observers, or a candidate is not positive.
    """
    if not sigmas or min(sigmas) <= 0 or not 0 < uniform < 1:
        raise RegardError(f"sigmas must be positive and uniform between 0 and 1, not {list(sigmas)} and {uniform}")
    points, who = fixations.points(), torch.from_numpy(fixations.observers())
    total, count = torch.zeros(len(sigmas), dtype=torch.float64), 0
    for b, (h, w) in enumerate(fixations.sizes.tolist()):
        known = who[b] >= 0
        xy, subject = points[b, known], who[b, known]
        other = subject[:, None] != subject
        scored = other.any(1)
        square = torch.cdist(xy, xy).square()[scored]
        other = other[scored]
        for k, sigma in enumerate(sigmas):
            near = torch.where(other, torch.exp(-square / (2 * sigma**2)), 0.0).sum(1) / other.sum(1)
            relative = (1 - uniform) * near * (h * w) / (2 * math.pi * sigma**2) + uniform
            total[k] += relative.log2().sum()
        count += int(scored.sum())
    if count == 0:
        raise RegardError("cross-validation leaves one observer out: no image has fixations of two observers")
    bits = (total / count).tolist()
    return Bandwidth(float(sigmas[max(range(len(bits)), key=bits.__getitem__)]), tuple(sigmas), tuple(bits))
