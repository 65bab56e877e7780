"""Corruptions in the style of CIFAR-C and ImageNet-C, by functions of torchvision, scikit-image, Pillow.

Hendrycks and Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*, ICLR 2019.
The kinds are theirs; the implementations and severities are not, so numbers compare with one another, not with theirs.
Widths of blurs are shares of the image's side, so that images of all sizes are changed alike.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as tv
from jaxtyping import Float
from PIL import Image
from skimage.util import random_noise
from torch import Tensor

from regard.data.files import to_bytes
from regard.reading import load_image
from regard.types import RegardError

SEVERITIES = (1, 2, 3, 4, 5)
_Images = Float[Tensor, "B C H W"]
_SHARES = (0.8, 0.6, 0.45, 0.33, 0.25)


def _gaussian_noise(images: Tensor, sigma: float, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tv.gaussian_noise(images, sigma=sigma)


def _impulse_noise(images: Tensor, amount: float, seed: int) -> Tensor:
    noisy = random_noise(images.numpy(), mode="s&p", amount=amount, rng=np.random.default_rng(seed))
    return torch.from_numpy(noisy).float()


def _blur(images: Tensor, share: float, _: int) -> Tensor:
    sigma = share * min(images.shape[-2:])
    return tv.gaussian_blur(images, kernel_size=2 * max(1, round(3 * sigma)) + 1, sigma=sigma)


def _jpeg(images: Tensor, quality: float, _: int) -> Tensor:
    """By Pillow: torchvision's JPEG needs an extension that some builds lack."""
    out = []
    for pixels in (images * 255).round().byte().permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=int(quality))
        out.append(to_bytes(load_image(buffer.getvalue())))
    return torch.stack(out).float() / 255


def _downscale(mode: str) -> Callable[[Tensor, float, int], Tensor]:
    """Average to fewer pixels and enlarge again: ``nearest`` gives blocks, ``bilinear`` a low resolution."""

    def change(images: Tensor, share: float, _: int) -> Tensor:
        size = images.shape[-2:]
        small = F.interpolate(images, size=[max(1, round(share * side)) for side in size], mode="area")
        return F.interpolate(small, size=size, mode=mode)

    return change


CORRUPTIONS: dict[str, tuple[Callable[[Tensor, float, int], Tensor], tuple[float, ...]]] = {
    "gaussian_noise": (_gaussian_noise, (0.04, 0.08, 0.12, 0.18, 0.26)),
    "impulse_noise": (_impulse_noise, (0.01, 0.03, 0.06, 0.1, 0.17)),
    "gaussian_blur": (_blur, (0.005, 0.01, 0.015, 0.02, 0.03)),
    "brightness": (lambda x, v, _: tv.adjust_brightness(x, v), (1.2, 1.4, 1.6, 1.8, 2.0)),
    "darkness": (lambda x, v, _: tv.adjust_brightness(x, v), (0.8, 0.6, 0.45, 0.3, 0.2)),
    "contrast": (lambda x, v, _: tv.adjust_contrast(x, v), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "saturation": (lambda x, v, _: tv.adjust_saturation(x, v), (0.6, 0.3, 0.0, 2.0, 4.0)),
    "jpeg": (_jpeg, (80.0, 50.0, 25.0, 15.0, 7.0)),
    "pixelate": (_downscale("nearest"), _SHARES),
    "low_resolution": (_downscale("bilinear"), _SHARES),
}
"""Name -> (change, its strength at severities 1 to 5)."""


def corrupted(images: _Images, name: str, severity: int, *, seed: int = 0) -> _Images:
    """Images (B,3,H,W) in [0,1], corrupted; noise is a function of the seed and of the batch.

    Raises:
        RegardError: no such corruption or severity.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise RegardError(f"corruption {name!r} at severity {severity}: there are {', '.join(CORRUPTIONS)}, at 1 to 5")
    change, strengths = CORRUPTIONS[name]
    return change(images, strengths[severity - 1], seed).clamp(0, 1)
