"""How maps and predictions are judged: pure functions on tensors and a `predict` callable, on any device.

Functions return one value an item, NaN where undefined; `score` turns them into a mean with a bootstrap interval and
counted reasons, and `controls` gives the maps whose scores are the floor. `regard.metrics.streaming` wraps them for
streams and several processes; it is imported by itself, as torchmetrics takes seconds to load.
Not here: model classes, data sets, training, and whatever averages what cannot be averaged.
"""

from regard.metrics import classification, controls, faithfulness, localization
from regard.metrics.classification import Calibration, accuracy, brier, calibration_error, nll, per_label_accuracy
from regard.metrics.consistency import (
    THRESHOLDS,
    WARPS,
    Consistency,
    Equivariance,
    Warp,
    consistency,
    constant_map,
    equivariance,
    explained,
    high_pass,
    jpeg,
    low_pass,
    noise,
    overwrite,
    stability,
)
from regard.metrics.controls import bandwidth, blurred_noise, rank_matched
from regard.metrics.faithfulness.captum import infidelity, max_sensitivity
from regard.metrics.faithfulness.drop import drop
from regard.metrics.faithfulness.exclusion import exclusion
from regard.metrics.faithfulness.paths import Gap, deletion, insertion, lerf_morf_gap, road
from regard.metrics.imputation import BASELINES, Baseline
from regard.metrics.information import (
    anchor_counts,
    bits,
    code_length,
    dead,
    info_nce,
    label_entropy,
    label_information,
    leave_one_out,
    map_information,
    perplexity,
    usage,
)
from regard.metrics.localization import (
    area_share,
    batch_masks,
    best_threshold,
    boxes_to_masks,
    dilate,
    energy_inside,
    iou,
    pointing_game,
)
from regard.metrics.perturbation import Curve, Removal
from regard.metrics.sanity import Sanity, sanity
from regard.metrics.scores import best_typical_worst, paired_difference, score, share_of_range
from regard.metrics.similarity import cosine, spearman
from regard.metrics.smoothing import gaussian_blur

__all__ = [
    "BASELINES",
    "THRESHOLDS",
    "WARPS",
    "Baseline",
    "Calibration",
    "Consistency",
    "Curve",
    "Equivariance",
    "Gap",
    "Removal",
    "Sanity",
    "Warp",
    "accuracy",
    "anchor_counts",
    "area_share",
    "bandwidth",
    "batch_masks",
    "best_threshold",
    "best_typical_worst",
    "bits",
    "blurred_noise",
    "boxes_to_masks",
    "brier",
    "calibration_error",
    "classification",
    "code_length",
    "consistency",
    "constant_map",
    "controls",
    "cosine",
    "dead",
    "deletion",
    "dilate",
    "drop",
    "energy_inside",
    "equivariance",
    "exclusion",
    "explained",
    "faithfulness",
    "gaussian_blur",
    "high_pass",
    "infidelity",
    "info_nce",
    "insertion",
    "iou",
    "jpeg",
    "label_entropy",
    "label_information",
    "leave_one_out",
    "lerf_morf_gap",
    "localization",
    "low_pass",
    "map_information",
    "max_sensitivity",
    "nll",
    "noise",
    "overwrite",
    "paired_difference",
    "per_label_accuracy",
    "perplexity",
    "pointing_game",
    "rank_matched",
    "road",
    "sanity",
    "score",
    "share_of_range",
    "spearman",
    "stability",
    "usage",
]
