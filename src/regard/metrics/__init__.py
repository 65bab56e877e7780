"""How maps and predictions are judged: pure functions on tensors and a `predict` callable, on any device.

Functions return one value per item, NaN where undefined; `functional` has all of them under one roof. `score` turns
values into a mean with a bootstrap interval and counted reasons, and `controls` makes the maps whose scores are the
floor. The torchmetrics classes (`NSS`, `MaxF`, ...) stand in `streaming` and are loaded on first use, as torchmetrics
takes seconds to load. A map that is `constant` but for rounding is undefined for all metrics by one rule.
Not here: model classes, data sets, training, and whatever averages what cannot be averaged.
"""

from typing import TYPE_CHECKING, Any

from regard.metrics import classification, controls, faithfulness, fixation, functional, localization, salient_object
from regard.metrics.classification import Calibration, accuracy, brier, calibration_error, nll, per_label_accuracy
from regard.metrics.consistency import (
    CONSISTENCY_THRESHOLDS,
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
from regard.metrics.faithfulness.fidelity import Fidelity, f_fidelity, removed_cells
from regard.metrics.faithfulness.paths import Gap, deletion, insertion, lerf_morf_gap, road
from regard.metrics.imputation import BASELINES, Baseline, linear
from regard.metrics.information import (
    anchor_counts,
    bits,
    code_length,
    dead,
    info_nce,
    label_entropy,
    label_information,
    leave_one_out_bound,
    map_information,
    perplexity,
    usage,
)
from regard.metrics.localization import (
    area_share,
    auc_inside,
    batch_masks,
    best_threshold,
    boxes_to_masks,
    dilate,
    energy_inside,
    iou,
    pointing_game,
)
from regard.metrics.perturbation import Curve, Filling, Removal, base_images, replaced
from regard.metrics.rounding import constant
from regard.metrics.sanity import Sanity, sanity
from regard.metrics.scores import (
    LOWER_IS_BETTER,
    best_typical_worst,
    corrected,
    paired_difference,
    percentile_interval,
    resamples,
    score,
    share_of_range,
    sign_flip_test,
)
from regard.metrics.similarity import cosine, spearman, ssim
from regard.metrics.smoothing import gaussian_blur

if TYPE_CHECKING:
    from regard.metrics.streaming import (
        AUC,
        CC,
        MAE,
        NSS,
        SIM,
        AdaptiveE,
        AdaptiveF,
        AnchorCounts,
        AUCJudd,
        CalibrationError,
        InformationGain,
        ItemScores,
        KLDivergence,
        MaxE,
        MaxF,
        MeanE,
        MeanF,
        ShuffledAUC,
        SMeasure,
        Spearman,
        TopIoU,
        WeightedF,
    )


def __getattr__(name: str) -> Any:
    if name in __all__:  # and not imported above: a class of `streaming`
        from regard.metrics import streaming

        return getattr(streaming, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AUC",
    "BASELINES",
    "CC",
    "CONSISTENCY_THRESHOLDS",
    "LOWER_IS_BETTER",
    "MAE",
    "NSS",
    "SIM",
    "WARPS",
    "AUCJudd",
    "AdaptiveE",
    "AdaptiveF",
    "AnchorCounts",
    "Baseline",
    "Calibration",
    "CalibrationError",
    "Consistency",
    "Curve",
    "Equivariance",
    "Fidelity",
    "Filling",
    "Gap",
    "InformationGain",
    "ItemScores",
    "KLDivergence",
    "MaxE",
    "MaxF",
    "MeanE",
    "MeanF",
    "Removal",
    "SMeasure",
    "Sanity",
    "ShuffledAUC",
    "Spearman",
    "TopIoU",
    "Warp",
    "WeightedF",
    "accuracy",
    "anchor_counts",
    "area_share",
    "auc_inside",
    "bandwidth",
    "base_images",
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
    "constant",
    "constant_map",
    "controls",
    "corrected",
    "cosine",
    "dead",
    "deletion",
    "dilate",
    "drop",
    "energy_inside",
    "equivariance",
    "exclusion",
    "explained",
    "f_fidelity",
    "faithfulness",
    "fixation",
    "functional",
    "gaussian_blur",
    "high_pass",
    "infidelity",
    "info_nce",
    "insertion",
    "iou",
    "jpeg",
    "label_entropy",
    "label_information",
    "leave_one_out_bound",
    "lerf_morf_gap",
    "linear",
    "localization",
    "low_pass",
    "map_information",
    "max_sensitivity",
    "nll",
    "noise",
    "overwrite",
    "paired_difference",
    "per_label_accuracy",
    "percentile_interval",
    "perplexity",
    "pointing_game",
    "rank_matched",
    "removed_cells",
    "replaced",
    "resamples",
    "road",
    "salient_object",
    "sanity",
    "score",
    "share_of_range",
    "sign_flip_test",
    "spearman",
    "ssim",
    "stability",
    "usage",
]
