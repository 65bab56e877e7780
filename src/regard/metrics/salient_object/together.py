"""All scores of a batch, sharing what they can."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.salient_object.counts import adaptive_counts, level_counts
from regard.metrics.salient_object.e_measure import e_of
from regard.metrics.salient_object.f_measure import f_of
from regard.metrics.salient_object.inputs import Masks, Prediction, check
from regard.metrics.salient_object.mae import mae
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.weighted_f import weighted_f

NAMES = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")
LOWER_IS_BETTER = frozenset({"mae"})


def all_scores(prediction: Prediction, masks: Masks) -> dict[str, Float[Tensor, " B"]]:
    """`NAMES` -> (B,) values, the same as of the single functions, with one histogram for F and E.

    Args:
        prediction: (B,1,H,W) in [0,1].
        masks: (B,1,H,W) bool.
    """
    prediction, masks = check(prediction, masks)
    # On the processor an image's temporaries fit its cache, a batch's do not.
    size = len(masks) if masks.device.type != "cpu" else torch.get_num_threads()
    parts = [_scores(*part) for part in zip(prediction.split(max(size, 1)), masks.split(max(size, 1)), strict=True)]
    return {name: torch.cat([part[name] for part in parts]) for name in NAMES}


def _scores(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"]) -> dict[str, Float[Tensor, " B"]]:
    levels, adaptive = level_counts(prediction, masks), adaptive_counts(prediction, masks)
    f, e = f_of(levels), e_of(levels)
    return {
        "max_f": f.amax(1),
        "mean_f": f.mean(1),
        "adaptive_f": f_of(adaptive)[:, 0],
        "weighted_f": weighted_f(prediction, masks),
        "mae": mae(prediction, masks),
        "s": s_measure(prediction, masks),
        "max_e": e.amax(1),
        "mean_e": e.mean(1),
        "adaptive_e": e_of(adaptive)[:, 0],
    }
