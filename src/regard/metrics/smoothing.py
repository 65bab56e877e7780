"""Gaussian blur that keeps centroids: an odd kernel, reflected or valid borders."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.types import Images, PerImage, RegardError


def radius(sigma: float) -> int:
    """Cells on each side that a kernel of this standard deviation reaches: three standard deviations."""
    return math.ceil(3 * sigma)


def gaussian_blur(
    values: Images, sigma: float | int | PerImage, *, border: Literal["reflect", "valid"] = "reflect"
) -> Float[Tensor, "B C H2 W2"]:
    """Blur each image (B,C,H,W) by a Gaussian sampled at cell centres and normalised to sum 1.

    Args:
        values: (B,C,H,W).
        sigma: standard deviation in cells, one for all images or one each (B,); 0 leaves an image as it is.
        border: ``reflect`` keeps the size and mirrors images (edge cells repeated); ``valid`` returns the cells whose
            kernel lies inside, 2 * radius(max sigma) fewer along each axis.

    >>> point = torch.zeros(1, 1, 5, 5)
    >>> point[0, 0, 2, 2] = 1
    >>> blurred = gaussian_blur(point, 1.0)
    >>> blurred.argmax().item(), round(blurred.sum().item(), 4)
    (12, 1.0)
    """
    sigmas = torch.as_tensor(sigma, dtype=torch.float32, device=values.device).expand(len(values))
    if not (sigmas.isfinite() & (sigmas >= 0)).all():
        raise RegardError(f"gaussian_blur: sigma={sigma}; give finite standard deviations of at least 0")
    reach = radius(sigmas.max().item()) if sigmas.numel() else 0
    if reach == 0:
        return values
    offsets = torch.arange(-reach, reach + 1, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigmas.clamp_min(1e-3)[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(values)
    rows, channels = values.transpose(0, 1), len(kernel)  # images become groups, so that each has its own kernel
    if border == "reflect":
        rows = rows[:, :, _mirror(rows.shape[2], reach, rows.device)][
            :, :, :, _mirror(rows.shape[3], reach, rows.device)
        ]
    rows = F.conv2d(rows, kernel[:, None, :, None], groups=channels)
    rows = F.conv2d(rows, kernel[:, None, None, :], groups=channels)
    return rows.transpose(0, 1)


def _mirror(length: int, reach: int, device: torch.device) -> Tensor:
    """Indices that continue 0..length-1 by `reach` on both sides, mirrored as often as needed."""
    index = torch.arange(-reach, length + reach, device=device) % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)
