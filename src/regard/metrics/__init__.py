"""How maps and predictions are judged: pure functions on tensors and a `predict` callable, on any device.

Functions return one value an item, NaN where undefined; `score` turns them into a mean with a bootstrap interval and
counted reasons, and `controls` gives the maps whose scores are the floor. `regard.metrics.streaming` wraps them for
streams and several processes; it is imported by itself, as torchmetrics takes seconds to load.
Not here: model classes, data sets, training, and whatever averages what cannot be averaged.
"""

from regard.metrics import classification, controls, faithfulness, localization
from regard.metrics.anchors import anchor_counts, code_length, dead, perplexity, usage
from regard.metrics.calibration import Calibration, calibration_error
from regard.metrics.classification import accuracy, brier, nll, per_label_accuracy
from regard.metrics.faithfulness import (
    Gap,
    deletion,
    drop,
    exclusion,
    infidelity,
    insertion,
    lerf_morf_gap,
    max_sensitivity,
    road,
)
from regard.metrics.histogram import rank_matched
from regard.metrics.imputation import BASELINES
from regard.metrics.information import bits, info_nce, label_entropy, label_information, leave_one_out
from regard.metrics.localization import area_share, best_threshold, energy_inside, iou, pointing_game
from regard.metrics.map_information import map_information
from regard.metrics.masks import batch_masks, boxes_to_masks, dilate
from regard.metrics.perturbation import Curve, Removal
from regard.metrics.scores import paired_difference, score, share_of_range

__all__ = [
    "BASELINES",
    "Calibration",
    "Curve",
    "Gap",
    "Removal",
    "accuracy",
    "anchor_counts",
    "area_share",
    "batch_masks",
    "best_threshold",
    "bits",
    "boxes_to_masks",
    "brier",
    "calibration_error",
    "classification",
    "code_length",
    "controls",
    "dead",
    "deletion",
    "dilate",
    "drop",
    "energy_inside",
    "exclusion",
    "faithfulness",
    "infidelity",
    "info_nce",
    "insertion",
    "iou",
    "label_entropy",
    "label_information",
    "leave_one_out",
    "lerf_morf_gap",
    "localization",
    "map_information",
    "max_sensitivity",
    "nll",
    "paired_difference",
    "per_label_accuracy",
    "perplexity",
    "pointing_game",
    "rank_matched",
    "road",
    "score",
    "share_of_range",
    "usage",
]
