"""How many pixels of the object and of its surroundings reach a threshold: all that F and E are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import wide

THRESHOLDS = 256


class Counts(NamedTuple):
    """Pixels at or above T thresholds.

    Attributes:
        hits: inside the mask (B,T).
        alarms: outside of it (B,T).
        objects: pixels of the mask (B,1).
        pixels: pixels of the image.
    """

    hits: Float[Tensor, "B T"]
    alarms: Float[Tensor, "B T"]
    objects: Float[Tensor, "B 1"]
    pixels: int

    @classmethod
    def joined(cls, parts: Sequence[Counts]) -> Counts:
        """Those of several batches of one size, in their order."""
        hits, alarms, objects = (torch.cat([part[k] for part in parts]) for k in range(3))
        return cls(hits, alarms, objects, parts[0].pixels)


def level_counts(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"]) -> Counts:
    """At the 256 thresholds 255/255, ..., 1/255, 0 in this order, by one histogram of all images.

    A prediction of p has the level floor(255 p), in p's own precision, as published evaluations have it.
    """
    batch, bins = len(prediction), (prediction * (THRESHOLDS - 1)).flatten(1).to(torch.int64)
    bins.add_(masks.flatten(1).long(), alpha=THRESHOLDS)
    bins.add_(torch.arange(batch, device=bins.device)[:, None], alpha=2 * THRESHOLDS)
    histogram = torch.bincount(bins.flatten(), minlength=2 * batch * THRESHOLDS)
    reached = wide(histogram.view(batch, 2, THRESHOLDS).flip(2).cumsum(2))
    return Counts(reached[:, 1], reached[:, 0], reached[:, 1, -1:], bins.shape[1])


def adaptive_counts(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"]) -> Counts:
    """At each image's `adaptive_threshold`; T is 1."""
    flat, inside = wide(prediction).flatten(1), masks.flatten(1)
    above = flat >= adaptive_threshold(prediction)[:, None]
    hits, total = _count(above & inside), _count(above)
    return Counts(hits, total - hits, _count(inside), flat.shape[1])


def adaptive_threshold(prediction: Float[Tensor, "B 1 H W"]) -> Float[Tensor, " B"]:
    """Twice the mean of the prediction, at most 1 (Achanta et al., CVPR 2009)."""
    return (2 * wide(prediction).flatten(1).mean(1)).clamp(max=1)


def _count(which: Bool[Tensor, "B hw"]) -> Float[Tensor, "B 1"]:
    return wide(_ints(which))


def _ints(which: Bool[Tensor, "B hw"]) -> Int[Tensor, "B 1"]:
    return which.sum(1, keepdim=True)
