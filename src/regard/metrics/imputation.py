"""What stands where pixels were removed: the image's mean, a blurred copy, noisy linear imputation, or a given image.

The choice changes which map wins, so a deletion score names its baseline and at least three are reported.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.multigrid import fill
from regard.metrics.smoothing import gaussian_blur
from regard.types import RegardError

Baseline = Literal["mean", "blur", "noisy_linear"]
BASELINES: tuple[Baseline, ...] = ("mean", "blur", "noisy_linear")

Images = Float[Tensor, "B C H W"]


def mean_image(images: Images) -> Images:
    """Each image's own mean colour."""
    return images.mean((2, 3), keepdim=True).expand_as(images)


def blurred_image(images: Images, *, share: float = 1 / 16) -> Images:
    """Each image blurred by a Gaussian whose standard deviation is `share` of the longer side."""
    return gaussian_blur(images, share * max(images.shape[-2:]))


def _pyramid(images: Tensor, known: Tensor) -> Tensor:
    """Rough fill from ever coarser averages of the known pixels, down to one mean: only where the solver starts."""
    h, w = images.shape[-2:]
    if max(h, w) == 1:
        return images / known.clamp_min(1e-6)
    size = ((h + 1) // 2, (w + 1) // 2)
    coarse = _pyramid(F.adaptive_avg_pool2d(images, size), F.adaptive_avg_pool2d(known, size))
    wide = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False)
    share = known.clamp_max(1)
    return images + (1 - share) * wide if share.amin() < 1 else images


def linear(images: Images, removed: Bool[Tensor, "B 1 H W"], *, tolerance: float = 1e-4) -> Images:
    """Every removed pixel becomes the weighted mean of its eight neighbours (Rong et al. 2022, ROAD).

    Neighbours beside weigh 1/6, across 1/12, renormalised at the image's border; solved for all removed pixels at once
    on the images' device. Where no pixel is left, the image's mean stands everywhere.

    Args:
        images: (B,C,H,W).
        removed: one mask for all channels (B,1,H,W).
        tolerance: largest residual of an equation, in units of the images; at 1e-4 pixels are within .002 of the exact
            solution (measured up to 224 pixels a side, 99 % removed). An image's result does not depend on the batch.
    """
    if removed.shape != (len(images), 1, *images.shape[2:]):
        raise RegardError(f"linear: mask {tuple(removed.shape)} for images {tuple(images.shape)}; use (B,1,H,W)")
    hole = removed.to(images)
    known = images * (1 - hole)
    x = fill(torch.where(removed, _pyramid(known, 1 - hole), images), hole, tolerance=tolerance)
    nothing = removed.flatten(1).all(1)[:, None, None, None]
    return torch.where(nothing, mean_image(images), x)


def noisy_linear(
    images: Images, removed: Bool[Tensor, "B 1 H W"], *, noise: float | int = 0.01, seed: int = 0
) -> Images:
    """`linear` plus Gaussian noise on the removed pixels, so that smoothness does not give away what was removed.

    The noise is one field from `seed`, the same for every image and step: neither order nor batch size changes it.

    Args:
        images: (B,C,H,W).
        removed: (B,1,H,W).
        noise: standard deviation; the sum is cut to [0,1], where images live.
        seed: of the noise.
    """
    field = torch.randn(1, *images.shape[1:], generator=torch.Generator().manual_seed(seed)).to(images)
    return torch.where(removed, (linear(images, removed) + noise * field).clamp(0, 1), images)
