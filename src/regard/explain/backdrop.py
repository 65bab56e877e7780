"""What stands where something was taken out of an image."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError

Baseline = Literal["mean"] | float | int | Float[Tensor, "#B #C #H #W"]


def backdrop(images: Float[Tensor, "B C H W"], baseline: Baseline) -> Float[Tensor, "B C H W"]:
    """Images (B,C,H,W): each image's own mean colour, one value for all pixels (0 is black), or images as given."""
    if isinstance(baseline, Tensor):
        try:
            return baseline.to(images).expand_as(images)
        except RuntimeError as error:
            raise RegardError(f"baseline {tuple(baseline.shape)} does not fit images {tuple(images.shape)}") from error
    if isinstance(baseline, str):
        if baseline != "mean":
            raise RegardError(f"baseline={baseline!r}: mean, a number, or a tensor of images")
        return images.mean((2, 3), keepdim=True).expand_as(images)
    return torch.full_like(images, float(baseline))
