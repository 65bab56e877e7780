"""All scores of a batch, sharing what they can."""

from __future__ import annotations

from regard.metrics.rounding import wide
from regard.metrics.salient_object.curves import Counts, adaptive_threshold, e_of, f_of, level_counts
from regard.metrics.salient_object.inputs import Masks, Prediction, check
from regard.metrics.salient_object.s_measure import s_of, structure
from regard.metrics.salient_object.weighted_f import weighted_f_of
from regard.types import PerImage

SALIENT_OBJECT_METRICS = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")


def salient_object_scores(prediction: Prediction, masks: Masks) -> dict[str, PerImage]:
    """`SALIENT_OBJECT_METRICS` -> (B,) values, those of the single functions, with one histogram for F and E.

    Predictions (B,1,H,W) in [0,1], masks (B,1,H,W) bool.

    >>> import torch
    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> sorted(salient_object_scores(p, m))[:3]
    ['adaptive_e', 'adaptive_f', 'mae']
    """
    prediction, masks = check(prediction, masks)
    sums = structure(prediction, masks, adaptive_threshold(prediction))
    pixels = prediction[0].numel()
    at_threshold = Counts(sums[1][:, None], sums[2][:, None], sums[3][:, None], pixels)
    levels = level_counts(prediction, masks)
    f, e = f_of(levels), e_of(levels)
    return {
        "max_f": f.amax(1),
        "mean_f": f.mean(1),
        "adaptive_f": f_of(at_threshold)[:, 0],
        "weighted_f": weighted_f_of(prediction, masks, sums[3]),
        "mae": sums[0] / pixels,
        "s": s_of(sums, prediction),
        "max_e": e.amax(1),
        "mean_e": e.mean(1),
        "adaptive_e": e_of(at_threshold)[:, 0],
    }


def mae(prediction: Prediction, masks: Masks) -> PerImage:
    """Mean over pixels of |prediction - mask| (Perazzi et al., CVPR 2012): (B,), 0 is best; never undefined.

    >>> import torch
    >>> mae(torch.tensor([[[[0.75, 0.25]]]]), torch.tensor([[[[True, False]]]]))
    tensor([0.2500], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    wanted = wide(masks)
    return (wide(prediction) - wanted).abs().flatten(1).mean(1)
