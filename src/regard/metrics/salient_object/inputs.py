"""What enters a salient-object metric, checked once."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Num, Shaped
from torch import Tensor

from regard.metrics.fixation.inputs import check_maps
from regard.types import RegardError

EPS = torch.finfo(torch.float64).eps
"""Added to denominators, as the authors' MATLAB code does: numpy.spacing(1)."""

Prediction = Num[Tensor, "..."]
"""(B,1,H,W) in [0,1]; any other shape is refused by `check` with a message that says so."""
Masks = Shaped[Tensor, "..."]
"""(B,1,H,W) bool; anything else is refused likewise."""


def check(prediction: Prediction, masks: Masks) -> tuple[Float[Tensor, "B 1 H W"], Bool[Tensor, "B 1 H W"]]:
    """Prediction, detached, and masks on its device.

    Raises:
        RegardError: another shape, a value outside [0,1] or not finite (the first is named), masks that are not bool.
    """
    prediction = check_maps(prediction.detach(), "prediction")
    if masks.dtype != torch.bool:
        raise RegardError(f"masks must be bool, not {masks.dtype}: threshold them first, such as masks > .5")
    if masks.shape != prediction.shape:
        raise RegardError(
            f"prediction {tuple(prediction.shape)} and masks {tuple(masks.shape)} differ in shape: resize the "
            "prediction to the mask (regard.types.Map.resize), never the mask to the prediction"
        )
    if prediction.numel() and not (prediction.amin() >= 0 and prediction.amax() <= 1):
        b, _, y, x = (int(v) for v in ((prediction < 0) | (prediction > 1)).nonzero()[0])
        raise RegardError(
            f"prediction must be in [0,1]: image {b} of the batch has {prediction[b, 0, y, x].item():g} at x={x}, "
            f"y={y}; pass probabilities, not logits, and divide bytes by 255"
        )
    return prediction, masks.to(prediction.device)


def mask_conditions(masks: Masks) -> dict[str, Bool[Tensor, " B"]]:
    """What makes F-measures undefined, for counting: `empty mask`."""
    return {"empty mask": ~masks.flatten(1).any(1)}
