"""Mean absolute error of the prediction."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import wide
from regard.metrics.salient_object.inputs import Masks, Prediction, check


def mae(prediction: Prediction, masks: Masks) -> Float[Tensor, " B"]:
    """Mean over pixels of |prediction - mask| (Perazzi et al., CVPR 2012): (B,), 0 is best; never undefined.

    >>> import torch
    >>> mae(torch.tensor([[[[0.75, 0.25]]]]), torch.tensor([[[[True, False]]]]))
    tensor([0.2500], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    wanted = wide(masks)
    return (wide(prediction) - wanted).abs().flatten(1).mean(1)
