"""A predicted object map against the object's mask, as salient object detection is judged.

Predictions are (B,1,H,W) in [0,1], masks (B,1,H,W) bool. Every function returns one float64 value per image; F-measures
of an empty mask are NaN (`mask_conditions` says so), MAE, S and E are defined there. Predictions are taken as they are:
nothing is stretched to [0,1] first, which would change every number.
`regard.metrics.streaming` has torchmetrics classes of them.
"""

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
from regard.metrics.salient_object.inputs import mask_conditions
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.scores import SALIENT_OBJECT_METRICS, mae, salient_object_scores
from regard.metrics.salient_object.weighted_f import weighted_f

__all__ = [
    "SALIENT_OBJECT_METRICS",
    "adaptive_e",
    "adaptive_f",
    "adaptive_threshold",
    "e_curve",
    "f_curve",
    "mae",
    "mask_conditions",
    "max_e",
    "max_f",
    "mean_e",
    "mean_f",
    "s_measure",
    "salient_object_scores",
    "weighted_f",
]
