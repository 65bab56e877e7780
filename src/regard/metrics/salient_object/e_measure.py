"""E-measure: how well the thresholded prediction and the mask agree, each seen against its own mean.

    phi = 2 p' g' / (p'^2 + g'^2 + eps),  p' = p - mean(p),  g' = g - mean(g);     E = sum (phi + 1)^2 / 4 / (N - 1)

p and g are binary, so four counts give the sum (Fan et al., *Enhanced-alignment measure*, IJCAI 2018). As the authors'
code divides by N - 1, a perfect prediction has N / (N - 1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.salient_object.counts import Counts, adaptive_counts, level_counts
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check


def e_curve(prediction: Prediction, masks: Masks) -> Float[Tensor, "B 256"]:
    """E at the thresholds 255/255, ..., 1/255, 0, an image a row (B,256).

    With an empty mask E is the share of pixels below the threshold, with a full one the share above: never undefined.
    """
    return e_of(level_counts(*check(prediction, masks)))


def max_e(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """E at the threshold that is best for this very image: (B,). Its mean is at least the data set's maxE.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> max_e(p, m)  # 3 / (3 - 1)
    tensor([1.5000], dtype=torch.float64)
    """
    return e_curve(prediction, masks).amax(1)


def mean_e(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """E averaged over the 256 thresholds: (B,)."""
    return e_curve(prediction, masks).mean(1)


def adaptive_e(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """E at twice the mean of the prediction, at most 1: (B,)."""
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
