"""A map against where people looked. Not here: fixations as tables, densities, floors and ceilings (`regard.gaze`).

Maps are (B,1,h,w), fixations (B,n,2) points in the map's own pixels, densities (B,1,h,w). Every function returns one
float64 value an image, NaN where undefined; `conditions` says why, `regard.metrics.score` averages and counts.
`regard.metrics.fixation.classes` wraps them for streams; it is imported by itself, as torchmetrics loads slowly.
"""

from regard.metrics.fixation.auc import AUCs, auc, auc_judd, aucs
from regard.metrics.fixation.calibration import Calibration, calibrate, calibration_grid
from regard.metrics.fixation.distribution import cc, kl_divergence, sim
from regard.metrics.fixation.information_gain import information_gain, log_likelihood
from regard.metrics.fixation.inputs import Convention, conditions
from regard.metrics.fixation.nss import nss
from regard.metrics.fixation.paired import holm, sign_flip_test
from regard.metrics.fixation.ranks import spearman, top_iou
from regard.metrics.fixation.shuffled import sauc
from regard.metrics.fixation.together import LOWER_IS_BETTER, NAMES, all_scores

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
