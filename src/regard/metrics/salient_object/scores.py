"""All scores of a batch, sharing what they can."""

from __future__ import annotations

import torch

from regard.metrics.rounding import wide
from regard.metrics.salient_object.curves import Counts, adaptive_counts, e_of, f_of, level_counts
from regard.metrics.salient_object.inputs import Masks, Prediction, check
from regard.metrics.salient_object.s_measure import s_of
from regard.metrics.salient_object.weighted_f import nearest_object, weighted_f_of
from regard.types import PerImage

SALIENT_OBJECT_METRICS = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")


def salient_object_scores(prediction: Prediction, masks: Masks) -> dict[str, PerImage]:
    """`SALIENT_OBJECT_METRICS` -> (B,) values, those of the single functions, with one histogram for F and E.

    Predictions (B,1,H,W) in [0,1], masks (B,1,H,W) bool.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> sorted(salient_object_scores(p, m))[:3]
    ['adaptive_e', 'adaptive_f', 'mae']
    """
    prediction, masks = check(prediction, masks)
    whole = (prediction, masks, nearest_object(masks[:, 0]))
    # On the processor an image's temporaries fit its cache, a batch's do not.
    size = max(1, len(masks) if masks.device.type != "cpu" else torch.get_num_threads())
    levels, adaptive, columns = [], [], []
    for x, mask, nearest in zip(*(each.split(size) for each in whole), strict=True):
        probabilities, inside = wide(x)[:, 0], mask[:, 0]
        wanted = wide(inside)
        error = (probabilities - wanted).abs_()
        levels.append(level_counts(x, mask))
        adaptive.append(adaptive_counts(x, mask))
        own = (weighted_f_of(error, inside, nearest), error.mean((1, 2)), s_of(probabilities, wanted))
        columns.append(torch.stack(own))
    weighted, errors, structure = torch.cat(columns, 1)
    all_levels, all_adaptive = Counts.joined(levels), Counts.joined(adaptive)
    f, e = f_of(all_levels), e_of(all_levels)
    return {
        "max_f": f.amax(1),
        "mean_f": f.mean(1),
        "adaptive_f": f_of(all_adaptive)[:, 0],
        "weighted_f": weighted,
        "mae": errors,
        "s": structure,
        "max_e": e.amax(1),
        "mean_e": e.mean(1),
        "adaptive_e": e_of(all_adaptive)[:, 0],
    }


def mae(prediction: Prediction, masks: Masks) -> PerImage:
    """Mean over pixels of |prediction - mask| (Perazzi et al., CVPR 2012): (B,), 0 is best; never undefined.

    >>> mae(torch.tensor([[[[0.75, 0.25]]]]), torch.tensor([[[[True, False]]]]))
    tensor([0.2500], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    wanted = wide(masks)
    return (wide(prediction) - wanted).abs().flatten(1).mean(1)
