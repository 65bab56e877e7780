"""A map against where people looked. Not here: fixations as tables, densities, floors and ceilings (`regard.gaze`).

Maps are (B,1,h,w), fixations (B,n,2) points in the map's own pixels, densities (B,1,h,w). Every function returns one
float64 value per image, NaN where undefined; `fixation_conditions` says why, `regard.metrics.score` averages and
counts. `regard.metrics.streaming` has torchmetrics classes of them.
"""

from regard.metrics.fixation.auc import AUCs, auc, auc_judd, aucs, sauc
from regard.metrics.fixation.distribution import cc, kl_divergence, sim, top_iou
from regard.metrics.fixation.information import (
    DensityCalibration,
    calibrate,
    calibration_grid,
    information_gain,
    log_likelihood,
)
from regard.metrics.fixation.inputs import Convention, fixation_conditions
from regard.metrics.fixation.scores import FIXATION_METRICS, fixation_scores, nss
from regard.metrics.similarity import spearman

__all__ = [
    "FIXATION_METRICS",
    "AUCs",
    "Convention",
    "DensityCalibration",
    "auc",
    "auc_judd",
    "aucs",
    "calibrate",
    "calibration_grid",
    "cc",
    "fixation_conditions",
    "fixation_scores",
    "information_gain",
    "kl_divergence",
    "log_likelihood",
    "nss",
    "sauc",
    "sim",
    "spearman",
    "top_iou",
]
