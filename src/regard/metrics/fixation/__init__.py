"""A map against where people looked. Not here: fixations as tables, densities, floors and ceilings (`regard.gaze`).

Maps are (B,1,h,w), fixations (B,n,2) points in the map's own pixels, densities (B,1,h,w). Every function returns one
float64 value an image, NaN where undefined; `conditions` says why, `regard.metrics.score` averages and counts.
`regard.metrics.streaming` wraps them for streams; it is imported by itself, as torchmetrics loads slowly.
"""

from regard.metrics.fixation.all_scores import LOWER_IS_BETTER, NAMES, all_scores
from regard.metrics.fixation.auc import AUCs, auc, auc_judd, aucs, sauc
from regard.metrics.fixation.distribution import cc, kl_divergence, sim, spearman, top_iou
from regard.metrics.fixation.information import (
    Calibration,
    calibrate,
    calibration_grid,
    information_gain,
    log_likelihood,
)
from regard.metrics.fixation.inputs import Convention, conditions
from regard.metrics.fixation.nss import nss
from regard.metrics.fixation.significance import holm, sign_flip_test

__all__ = [
    "LOWER_IS_BETTER",
    "NAMES",
    "AUCs",
    "Calibration",
    "Convention",
    "all_scores",
    "auc",
    "auc_judd",
    "aucs",
    "calibrate",
    "calibration_grid",
    "cc",
    "conditions",
    "holm",
    "information_gain",
    "kl_divergence",
    "log_likelihood",
    "nss",
    "sauc",
    "sign_flip_test",
    "sim",
    "spearman",
    "top_iou",
]
