"""A predicted object map against the object's mask, as salient object detection is judged.

Predictions are (B,1,H,W) in [0,1], masks (B,1,H,W) bool. Every function returns one float64 value an image; F-measures
of an empty mask are NaN (`conditions` says so), MAE, S and E are defined there. Predictions are taken as they are:
nothing is stretched to [0,1] first, which would change every number.
`regard.metrics.streaming` wraps them for streams; it is imported by itself, as torchmetrics loads slowly.
"""

from regard.metrics.salient_object.all_scores import LOWER_IS_BETTER, NAMES, all_scores
from regard.metrics.salient_object.curves import (
    adaptive_e,
    adaptive_f,
    adaptive_threshold,
    e_curve,
    f_curve,
    max_e,
    max_f,
    mean_e,
    mean_f,
)
from regard.metrics.salient_object.inputs import conditions
from regard.metrics.salient_object.mae import mae
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.weighted_f import weighted_f

__all__ = [
    "LOWER_IS_BETTER",
    "NAMES",
    "adaptive_e",
    "adaptive_f",
    "adaptive_threshold",
    "all_scores",
    "conditions",
    "e_curve",
    "f_curve",
    "mae",
    "max_e",
    "max_f",
    "mean_e",
    "mean_f",
    "s_measure",
    "weighted_f",
]
