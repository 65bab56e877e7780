"""F-measure: precision and recall of the thresholded prediction, weighted towards precision."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.salient_object.counts import Counts, adaptive_counts, level_counts
from regard.metrics.salient_object.inputs import Masks, Prediction, check

BETA_SQUARED = 0.3
"""Weight of recall that salient object detection uses (Achanta et al., CVPR 2009)."""


def f_curve(prediction: Prediction, masks: Masks) -> Float[Tensor, "B 256"]:
    """F at the thresholds 255/255, ..., 1/255, 0, an image a row.

        F = (1 + b) P R / (b P + R),  b = .3,  P precision, R recall; 0 where no pixel of the object is found

    A data set's published *maxF* is the largest value of the mean of these rows: one threshold for all images.

    Returns:
        (B,256), NaN for an empty mask, which has no recall (pysodmetrics says 0).
    """
    return f_of(level_counts(*check(prediction, masks)))


def max_f(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """F at the threshold that is best for this very image: (B,). Its mean is at least the data set's maxF.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> max_f(p, m)
    tensor([1.], dtype=torch.float64)
    """
    return f_curve(prediction, masks).amax(1)


def mean_f(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """F averaged over the 256 thresholds: (B,)."""
    return f_curve(prediction, masks).mean(1)


def adaptive_f(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """F at twice the mean of the prediction, at most 1: (B,)."""
    return f_of(adaptive_counts(*check(prediction, masks)))[:, 0]


def f_of(counts: Counts) -> Float[Tensor, "B T"]:
    """F from counts; NaN for an empty mask."""
    precision = counts.hits / (counts.hits + counts.alarms).clamp(min=1)
    recall = counts.hits / counts.objects.clamp(min=1)
    found = (
        (1 + BETA_SQUARED) * precision * recall / torch.where(counts.hits > 0, BETA_SQUARED * precision + recall, 1.0)
    )
    return torch.where(counts.objects > 0, found, torch.nan)
