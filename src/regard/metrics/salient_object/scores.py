"""All scores of a batch, sharing what they can."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.rounding import wide
from regard.metrics.salient_object.curves import Counts, adaptive_counts, e_of, f_of, level_counts
from regard.metrics.salient_object.inputs import Masks, Prediction, check
from regard.metrics.salient_object.s_measure import s_of
from regard.metrics.salient_object.weighted_f import nearest_object, weighted_f_of
from regard.types import PerImage

SALIENT_OBJECT_METRICS = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")


def salient_object_scores(prediction: Prediction, masks: Masks) -> dict[str, PerImage]:
    """`SALIENT_OBJECT_METRICS` -> (B,) values, the same as of the single functions, with one histogram for F and E.

    Args:
        prediction: (B,1,H,W) in [0,1].
        masks: (B,1,H,W) bool.

    >>> p, m = torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> sorted(salient_object_scores(p, m))[:3]
    ['adaptive_e', 'adaptive_f', 'mae']
    """
    prediction, masks = check(prediction, masks)
    whole = (prediction, masks, nearest_object(masks[:, 0]))
    # On the processor an image's temporaries fit its cache, a batch's do not.
    size = max(1, len(masks) if masks.device.type != "cpu" else torch.get_num_threads())
    parts = [_pass(*part) for part in zip(*(each.split(size) for each in whole), strict=True)]
    levels, adaptive = Counts.joined([p.levels for p in parts]), Counts.joined([p.adaptive for p in parts])
    f, e = f_of(levels), e_of(levels)
    return {
        "max_f": f.amax(1),
        "mean_f": f.mean(1),
        "adaptive_f": f_of(adaptive)[:, 0],
        "weighted_f": torch.cat([p.weighted_f for p in parts]),
        "mae": torch.cat([p.mae for p in parts]),
        "s": torch.cat([p.s for p in parts]),
        "max_e": e.amax(1),
        "mean_e": e.mean(1),
        "adaptive_e": e_of(adaptive)[:, 0],
    }


def mae(prediction: Prediction, masks: Masks) -> PerImage:
    """Mean over pixels of |prediction - mask| (Perazzi et al., CVPR 2012): (B,), 0 is best; never undefined.

    >>> mae(torch.tensor([[[[0.75, 0.25]]]]), torch.tensor([[[[True, False]]]]))
    tensor([0.2500], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    wanted = wide(masks)
    return (wide(prediction) - wanted).abs().flatten(1).mean(1)


class _Passed(NamedTuple):
    """What goes over all pixels, of a part of the batch."""

    levels: Counts
    adaptive: Counts
    weighted_f: PerImage
    mae: PerImage
    s: PerImage


def _pass(
    prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"], nearest: Int[Tensor, "B 2 H W"]
) -> _Passed:
    x, inside = wide(prediction)[:, 0], masks[:, 0]
    g = wide(inside)
    error = (x - g).abs_()
    return _Passed(
        level_counts(prediction, masks),
        adaptive_counts(prediction, masks),
        weighted_f_of(error, inside, nearest),
        error.mean((1, 2)),
        s_of(x, g),
    )
