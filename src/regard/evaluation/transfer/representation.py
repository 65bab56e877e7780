"""Images as vectors: what a network makes of them before it decides, or the pixels themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import head_name, looking
from regard.data import Split
from regard.models import AttentiveClassifier
from regard.types import RegardError

Represent = Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B D"]]
PIXEL_SIDE = 32
"""Raw pixels are read at no more than this side, which leaves 3,072 numbers an image."""
BATCH = 64


def resized(images: Float[Tensor, "B 3 H W"], size: tuple[int, int]) -> Float[Tensor, "B 3 h w"]:
    """Bilinear, with antialiasing where it shrinks."""
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def of_network(model: AttentiveClassifier) -> Represent:
    """The mean of the latent where there is one, else what enters the linear classifier: pooled features.

    Of the mean map, without noise; images are resized to the network's input.
    """

    def represent(images: Tensor) -> Tensor:
        images = resized(images, model.shape[1:]).to(next(model.parameters()).device)
        with looking(model):
            if model.bottleneck is not None:
                latent = model(images, samples=0).latent
                assert latent is not None
                return latent.mean.float().cpu()
            seen: list[Tensor] = []

            def keep(_module: nn.Module, args: Any) -> None:
                seen.append(args[0])

            name = head_name(model.trunk)
            if name is None:
                raise RegardError(
                    "transfer: this network has no linear classifier, so nothing says what its features are"
                )
            hook = model.trunk.get_submodule(name).register_forward_pre_hook(keep)
            try:
                model(images, samples=0)
            finally:
                hook.remove()
        return seen[0].flatten(1).float().cpu()

    return represent


def of_pixels(size: tuple[int, int]) -> Represent:
    """The pixels, shrunk to ``PIXEL_SIDE`` where images are larger."""
    side = (min(size[0], PIXEL_SIDE), min(size[1], PIXEL_SIDE))
    return lambda images: resized(images, side).flatten(1)


def represented(split: Split, represent: Represent) -> npt.NDArray[np.float32]:
    """All items of a split as rows (N,D)."""
    rows = [represent(split.batch(part).images) for part in torch.arange(len(split)).split(BATCH)]
    return torch.cat(rows).numpy()
