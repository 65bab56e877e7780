"""Small changes of an image under which a prediction, and a map, may be asked to stay: functions of (seed, index)."""

from __future__ import annotations

import io

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from regard.types import RegardError

Images = Float[Tensor, "B C H W"]


def overwrite(
    images: Images,
    others: Images | None = None,
    *,
    index: Int[Tensor, " B"],
    window: int | tuple[int, int] = 8,
    seed: int = 0,
) -> Images:
    """A window somewhere in each image gets one random colour, or what stands there in another image (Lai et al. 2021).

    Args:
        images: (B,C,H,W) in [0,1].
        others: images that give the content (B,C,H,W); None paints a colour.
        index: of each image in its split: with the seed it decides place and colour.
        window: side, or (height, width), in pixels; the paper's is 8 on images of 32.
        seed: see index.

    >>> changed = overwrite(torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32), index=torch.tensor([0]))
    >>> int(changed[0, 0].sum())
    64
    """
    height, width = (window, window) if isinstance(window, int) else window
    if not (0 < height <= images.shape[2] and 0 < width <= images.shape[3]):
        raise RegardError(f"overwrite: a window of {height}x{width} in images of {tuple(images.shape[2:])}; fit it in")
    changed = images.clone()
    for k, i in enumerate(index.tolist()):
        chance = torch.rand(2 + images.shape[1], generator=_generator(seed, i))
        top = int(chance[0] * (images.shape[2] - height + 1))
        left = int(chance[1] * (images.shape[3] - width + 1))
        where = (k, slice(None), slice(top, top + height), slice(left, left + width))
        changed[where] = chance[2:, None, None].to(images) if others is None else others[where]
    return changed


def low_pass(images: Images, *, radius: float | int = 4) -> Images:
    """Only frequencies of at most `radius` cycles an image (Lai et al. 2021: 4 at 32 pixels); cut to [0,1].

    >>> low_pass(torch.full((1, 3, 8, 8), 0.5)).unique().tolist()
    [0.5]
    """
    return _low(images, radius).clamp(0, 1)


def high_pass(images: Images, *, radius: float | int = 4) -> Images:
    """What `low_pass` takes away, around the image's mean colour; cut to [0,1].

    >>> high_pass(torch.full((1, 3, 8, 8), 0.5)).unique().tolist()
    [0.5]
    """
    return (images - _low(images, radius) + images.mean((2, 3), keepdim=True)).clamp(0, 1)


def noise(images: Images, *, index: Int[Tensor, " B"], std: float | int = 0.05, seed: int = 0) -> Images:
    """Gaussian noise on every value; cut to [0,1].

    >>> noise(torch.full((1, 3, 2, 2), 0.5), index=torch.tensor([3]), std=0.0).unique().tolist()
    [0.5]
    """
    fields = [torch.randn(images.shape[1:], generator=_generator(seed, i)) for i in index.tolist()]
    return (images + std * torch.stack(fields).to(images)).clamp(0, 1) if fields else images


def jpeg(images: Images, *, quality: int = 50) -> Images:
    """Each RGB image as it comes back from a JPEG of this quality (1 to 95, Pillow's scale).

    >>> jpeg(torch.full((1, 3, 8, 8), 0.5), quality=90).shape
    torch.Size([1, 3, 8, 8])
    """
    if images.shape[1] != 3 or not 1 <= quality <= 95:
        raise RegardError(f"jpeg: {images.shape[1]} channels, quality={quality}; RGB and 1 to 95 are needed")
    back = []
    for image in images:
        file = io.BytesIO()
        pixels = (image * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        back.append(torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1))
    return torch.stack(back).to(images).div(255) if back else images


def _generator(seed: int, index: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)


def _low(images: Tensor, radius: float | int) -> Tensor:
    h, w = images.shape[2:]
    y, x = torch.fft.fftfreq(h, 1 / h), torch.fft.rfftfreq(w, 1 / w)
    keep = (y[:, None].square() + x[None].square() <= radius**2 + 1e-6).to(images)
    return torch.fft.irfft2(torch.fft.rfft2(images.float()) * keep, s=(h, w)).to(images)
