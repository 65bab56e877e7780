"""All metrics as pure functions on tensors, under one roof: ``regard.metrics.functional.nss(maps, fixations)``.

Maps are tensors (B,1,h,w), or `regard.Map` where a function is about maps of a network. Every function returns one
value per image (B,), NaN where it is undefined; those that follow a network while pixels leave (`deletion`,
`insertion`, `lerf_morf_gap`, `road`, `drop`, `exclusion`) return a small dataclass whose fields are per image.
Averages, intervals and counts of what is undefined are made by `regard.metrics.score`, streams by the classes of
`regard.metrics.streaming`. The functions stand where their formulas are explained; this module only gathers them.

>>> import torch
>>> from regard.metrics import functional
>>> maps, fixations = torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]])
>>> functional.nss(maps, fixations), functional.auc(maps, fixations)
(tensor([1.3416], dtype=torch.float64), tensor([0.8750], dtype=torch.float64))
>>> functional.nss(maps, torch.full((1, 1, 2), torch.nan)).isnan()  # nobody looked at the image
tensor([True])
"""

from regard.metrics.classification import accuracy, brier, nll, per_label_accuracy
from regard.metrics.consistency import consistency, equivariance, stability
from regard.metrics.faithfulness import (
    deletion,
    drop,
    exclusion,
    infidelity,
    insertion,
    lerf_morf_gap,
    max_sensitivity,
    road,
)
from regard.metrics.fixation import (
    auc,
    auc_judd,
    cc,
    fixation_scores,
    information_gain,
    kl_divergence,
    log_likelihood,
    nss,
    sauc,
    sim,
    top_iou,
)
from regard.metrics.information import code_length, info_nce, label_information, leave_one_out_bound, map_information
from regard.metrics.localization import area_share, energy_inside, iou, pointing_game
from regard.metrics.salient_object import (
    adaptive_e,
    adaptive_f,
    e_curve,
    f_curve,
    mae,
    max_e,
    max_f,
    mean_e,
    mean_f,
    s_measure,
    salient_object_scores,
    weighted_f,
)
from regard.metrics.sanity import sanity
from regard.metrics.similarity import cosine, spearman, ssim

__all__ = [
    "accuracy",
    "adaptive_e",
    "adaptive_f",
    "area_share",
    "auc",
    "auc_judd",
    "brier",
    "cc",
    "code_length",
    "consistency",
    "cosine",
    "deletion",
    "drop",
    "e_curve",
    "energy_inside",
    "equivariance",
    "exclusion",
    "f_curve",
    "fixation_scores",
    "infidelity",
    "info_nce",
    "information_gain",
    "insertion",
    "iou",
    "kl_divergence",
    "label_information",
    "leave_one_out_bound",
    "lerf_morf_gap",
    "log_likelihood",
    "mae",
    "map_information",
    "max_e",
    "max_f",
    "max_sensitivity",
    "mean_e",
    "mean_f",
    "nll",
    "nss",
    "per_label_accuracy",
    "pointing_game",
    "road",
    "s_measure",
    "salient_object_scores",
    "sanity",
    "sauc",
    "sim",
    "spearman",
    "ssim",
    "stability",
    "top_iou",
    "weighted_f",
]
