"""torchmetrics classes over the functions: they stream and synchronise.

Means of per-image values are `PerImage`s. A data set's maxF, and maxE likewise, is another number than the mean of
per-image maxima: one threshold has to serve all images, so the curve is averaged first. Papers print that one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from regard.metrics.fixation.classes import PerImage
from regard.metrics.salient_object.counts import THRESHOLDS
from regard.metrics.salient_object.e_measure import adaptive_e, e_curve, mean_e
from regard.metrics.salient_object.f_measure import adaptive_f, f_curve, mean_f
from regard.metrics.salient_object.mae import mae
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.weighted_f import weighted_f


class _MaxOfMeanCurve(Metric):
    """Largest value of the mean curve over the images where it is defined; NaN if there is none."""

    full_state_update = False
    higher_is_better = True
    curve: Callable[..., Tensor]
    total: Tensor
    images: Tensor
    undefined: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_state("total", torch.zeros(THRESHOLDS, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, masks: Tensor) -> None:
        """Add a batch: prediction (B,1,H,W) in [0,1], masks (B,1,H,W) bool."""
        rows = type(self).curve(prediction, masks)
        self.total += rows.nansum(0).to(self.total)
        self.images += len(rows)
        self.undefined += rows[:, 0].isnan().sum()

    def compute(self) -> Tensor:
        """The maximum over thresholds."""
        return (self.total / (self.images - self.undefined)).amax()


class MaxF(_MaxOfMeanCurve):
    """The data set's maxF: `f_curve` averaged over images, its maximum over thresholds."""

    curve = staticmethod(f_curve)


class MaxE(_MaxOfMeanCurve):
    """The data set's maxE: `e_curve` averaged over images, its maximum over thresholds."""

    curve = staticmethod(e_curve)


class MeanF(PerImage):
    """`mean_f` of (prediction, masks)."""

    function = staticmethod(mean_f)
    higher_is_better = True


class AdaptiveF(PerImage):
    """`adaptive_f` of (prediction, masks)."""

    function = staticmethod(adaptive_f)
    higher_is_better = True


class WeightedF(PerImage):
    """`weighted_f` of (prediction, masks)."""

    function = staticmethod(weighted_f)
    higher_is_better = True


class MAE(PerImage):
    """`mae` of (prediction, masks)."""

    function = staticmethod(mae)
    higher_is_better = False


class SMeasure(PerImage):
    """`s_measure` of (prediction, masks)."""

    function = staticmethod(s_measure)
    higher_is_better = True


class MeanE(PerImage):
    """`mean_e` of (prediction, masks)."""

    function = staticmethod(mean_e)
    higher_is_better = True


class AdaptiveE(PerImage):
    """`adaptive_e` of (prediction, masks)."""

    function = staticmethod(adaptive_e)
    higher_is_better = True
