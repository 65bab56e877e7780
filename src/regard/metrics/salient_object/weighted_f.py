"""Weighted F-measure: errors count less inside, where neighbours are right, and more far away from the object."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import wide
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check
from regard.metrics.salient_object.nearest import nearest_object

_REACH, _SIGMA, _FADE = 3, 5.0, 5.0


def weighted_f(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """Margolin et al., *How to evaluate foreground maps?*, CVPR 2014, with beta^2 = 1.

        error = |prediction - mask|
        inside:  min(error, 7x7 Gaussian (sigma 5) average of errors), an outer pixel taking its nearest object pixel's
        outside: error * (2 - 2^(-distance / 5)), distance to the object in pixels
        R = 1 - mean error inside,  P = TP / (TP + FP),  F = 2 P R / (P + R)

    Returns:
        (B,), NaN for an empty mask, which has no recall (pysodmetrics says 0).

    >>> m = torch.tensor([[[[True, True, False]]]])
    >>> weighted_f(m.double(), m)
    tensor([1.], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    x, inside = wide(prediction)[:, 0], masks[:, 0]
    nearest = nearest_object(inside)
    error = (x - wide(inside)).abs_()
    own = torch.where(inside, torch.minimum(error, _average(_take(error, nearest))), 0.0).sum((1, 2))
    false = (error * _importance(nearest)).masked_fill_(inside, 0).sum((1, 2))
    count = wide(inside.sum((1, 2)))
    true = count - own
    recall, precision = 1 - own / count, true / (true + false + EPS)
    return 2 * recall * precision / (recall + precision + EPS)  # 0 / 0 for an empty mask


def _take(values: Float[Tensor, "B H W"], nearest: Int[Tensor, "B 2 H W"]) -> Float[Tensor, "B H W"]:
    """Each pixel's nearest object pixel's value."""
    place = (nearest[:, 0] * values.shape[2] + nearest[:, 1]).flatten(1).long()
    return values.flatten(1).gather(1, place).view_as(values)


def _average(values: Float[Tensor, "B H W"]) -> Float[Tensor, "B H W"]:
    """7x7 Gaussian of sigma 5, cut and normalised as MATLAB's fspecial; nothing beyond the border."""
    place = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    kernel = torch.exp(-place.square() / (2 * _SIGMA**2))
    kernel = kernel / kernel.sum()
    for dim in (1, 2):  # sums of shifted slices: a double convolution of one channel takes three times as long
        length = values.shape[dim]
        out = values * float(kernel[_REACH])
        for shift in range(1, min(_REACH, length - 1) + 1):
            weight = float(kernel[_REACH + shift])
            rest = length - shift
            out.narrow(dim, shift, rest).add_(values.narrow(dim, 0, rest), alpha=weight)
            out.narrow(dim, 0, rest).add_(values.narrow(dim, shift, rest), alpha=weight)
        values = out
    return values


def _importance(nearest: Int[Tensor, "B 2 H W"]) -> Float[Tensor, "B H W"]:
    height, width = nearest.shape[2:]
    down = nearest[:, 0] - torch.arange(height, device=nearest.device, dtype=nearest.dtype)[:, None]
    across = nearest[:, 1] - torch.arange(width, device=nearest.device, dtype=nearest.dtype)
    squared = wide(down.square_() + across.square_())
    return 2 - squared.sqrt_().mul_(-1 / _FADE).exp2_()
