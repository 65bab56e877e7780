"""F- and E-measure over thresholds. Both are functions of four counts: how many pixels of the object and of its
surroundings reach a threshold, so one histogram serves all thresholds.

    F = (1 + b) P R / (b P + R),  b = .3,  P precision, R recall         (Achanta et al., CVPR 2009)
    E = sum (phi + 1)^2 / 4 / (N - 1),  phi = 2 p' g' / (p'^2 + g'^2 + eps),  p' = p - mean(p),  g' = g - mean(g)
                                                  (Fan et al., *Enhanced-alignment measure*, IJCAI 2018)

p is the thresholded prediction, g the mask. As the authors' code divides by N - 1, a perfect prediction has an E of
N / (N - 1).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.rounding import wide
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check
from regard.metrics.salient_object.kernels import level_histogram
from regard.types import PerImage

LEVELS = 256


class Counts(NamedTuple):
    """Pixels at or above T thresholds, in the mask (``hits``) and outside (``alarms``); ``objects``: all of the
    mask.
    """

    hits: Float[Tensor, "B T"]
    alarms: Float[Tensor, "B T"]
    objects: Float[Tensor, "B 1"]
    pixels: int


def level_counts(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"]) -> Counts:
    """At the 256 thresholds 255/255, ..., 1/255, 0 in this order, by one histogram of all images.

    A prediction of p has the level floor(255 p), in p's own precision, as published evaluations have it.
    """
    if prediction.device.type == "cpu" and prediction.dtype in (torch.float32, torch.float64):
        histogram = level_histogram(prediction[:, 0], masks[:, 0])
    else:
        batch, bins = len(prediction), (prediction * (LEVELS - 1)).flatten(1).to(torch.int64)
        bins.add_(masks.flatten(1).long(), alpha=LEVELS)
        bins.add_(torch.arange(batch, device=bins.device)[:, None], alpha=2 * LEVELS)
        histogram = torch.bincount(bins.flatten(), minlength=2 * batch * LEVELS).view(batch, 2, LEVELS)
    reached = wide(histogram.flip(2).cumsum(2))
    return Counts(reached[:, 1], reached[:, 0], reached[:, 1, -1:], prediction[0].numel())


def adaptive_counts(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"]) -> Counts:
    """At each image's `adaptive_threshold`; T is 1."""
    flat, inside = wide(prediction).flatten(1), masks.flatten(1)
    above = flat >= adaptive_threshold(prediction)[:, None]
    hits, total = _count(above & inside), _count(above)
    return Counts(hits, total - hits, _count(inside), flat.shape[1])


def adaptive_threshold(prediction: Float[Tensor, "B 1 H W"]) -> PerImage:
    """Twice the mean of the prediction, at most 1 (Achanta et al., CVPR 2009)."""
    return (2 * wide(prediction).flatten(1).mean(1)).clamp(max=1)


def _count(which: Bool[Tensor, "B hw"]) -> Float[Tensor, "B 1"]:
    return wide(_ints(which))


def _ints(which: Bool[Tensor, "B hw"]) -> Int[Tensor, "B 1"]:
    return which.sum(1, keepdim=True)


BETA_SQUARED = 0.3
"""Weight of recall that salient object detection uses (Achanta et al., CVPR 2009)."""


def f_curve(prediction: Prediction, masks: Masks) -> Float[Tensor, "B 256"]:
    """F at the thresholds 255/255, ..., 1/255, 0, one row per image (B,256); NaN for an empty mask (pysodmetrics: 0).

    0 where no pixel of the object reaches the threshold. A data set's published *maxF* is the largest value of the mean
    of these rows: one threshold for all images.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> f_curve(p, m).shape
    torch.Size([1, 256])
    """
    return f_of(level_counts(*check(prediction, masks)))


def max_f(prediction: Prediction, masks: Masks) -> PerImage:
    """F at the threshold that is best for this very image: (B,). Its mean is at least the data set's maxF.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> max_f(p, m)
    tensor([1.], dtype=torch.float64)
    """
    return f_curve(prediction, masks).amax(1)


def mean_f(prediction: Prediction, masks: Masks) -> PerImage:
    """F averaged over the 256 thresholds: (B,).

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> 0 < mean_f(p, m).item() < 1
    True
    """
    return f_curve(prediction, masks).mean(1)


def adaptive_f(prediction: Prediction, masks: Masks) -> PerImage:
    """F at twice the mean of the prediction, at most 1: (B,).

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> adaptive_f(p, m).item()  # no pixel reaches twice the mean
    0.0
    """
    return f_of(adaptive_counts(*check(prediction, masks)))[:, 0]


def f_of(counts: Counts) -> Float[Tensor, "B T"]:
    """F from counts; NaN for an empty mask."""
    precision = counts.hits / (counts.hits + counts.alarms).clamp(min=1)
    recall = counts.hits / counts.objects.clamp(min=1)
    f = (1 + BETA_SQUARED) * precision * recall / torch.where(counts.hits > 0, BETA_SQUARED * precision + recall, 1.0)
    return torch.where(counts.objects > 0, f, torch.nan)


def e_curve(prediction: Prediction, masks: Masks) -> Float[Tensor, "B 256"]:
    """E at the thresholds 255/255, ..., 1/255, 0, one row per image (B,256).

    With an empty mask E is the share of pixels below the threshold, with a full one the share above: never undefined.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> e_curve(p, m).shape
    torch.Size([1, 256])
    """
    return e_of(level_counts(*check(prediction, masks)))


def max_e(prediction: Prediction, masks: Masks) -> PerImage:
    """E at the threshold that is best for this very image: (B,). Its mean is at least the data set's maxE.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> max_e(p, m)  # 3 / (3 - 1)
    tensor([1.5000], dtype=torch.float64)
    """
    return e_curve(prediction, masks).amax(1)


def mean_e(prediction: Prediction, masks: Masks) -> PerImage:
    """E averaged over the 256 thresholds: (B,).

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> 0 < mean_e(p, m).item() < 1.5
    True
    """
    return e_curve(prediction, masks).mean(1)


def adaptive_e(prediction: Prediction, masks: Masks) -> PerImage:
    """E at twice the mean of the prediction, at most 1: (B,).

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> 0 <= adaptive_e(p, m).item() <= 1.5
    True
    """
    return e_of(adaptive_counts(*check(prediction, masks)))[:, 0]


def e_of(counts: Counts) -> Float[Tensor, "B T"]:
    """E from counts."""
    hits, alarms, objects, pixels = counts
    above = hits + alarms
    misses = objects - hits
    rest = pixels - above - misses
    p, g = above / pixels, objects / pixels  # means of prediction and mask
    total = (
        _agreement(1 - p, 1 - g) * hits
        + _agreement(1 - p, -g) * alarms
        + _agreement(-p, 1 - g) * misses
        + _agreement(-p, -g) * rest
    )
    total = torch.where(objects == 0, pixels - above, torch.where(objects == pixels, above, total))
    return total / (pixels - 1 + EPS)


def _agreement(p: Tensor, g: Tensor) -> Tensor:
    return (2 * p * g / (p.square() + g.square() + EPS) + 1).square() / 4
