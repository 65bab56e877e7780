"""A glance at a large picture in a file: the small version and what is bought are read, and no other pixel is kept.

    file -> the part of the model's shape, in the middle -> averages over the glance's squares -> map
         -> the bought patches in full resolution, averaged to the model's where the file's is finer -> look

With the map held, the rest of the picture changes no bit of the answer, so that the look may be given zeros there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.backbones import eval_mode
from regard.models.glance import GlanceClassifier
from regard.reading import LargePicture, PixelBox, averages, open_large
from regard.types import RegardError


@dataclass(frozen=True)
class LargeAnswer:
    """What a glance bought of a picture in a file, and what it answers.

    Attributes:
        probabilities: (n,).
        bought: map of patches (h,w).
        part: top, left, bottom, right of the part of the picture that the map lies on, pixels of the file.
        patch: height and width of a patch, pixels of the file.
        image: what the look has seen (1,C,H,W) in [0,1], zeros elsewhere.
    """

    probabilities: Float[Tensor, " n"]
    bought: Bool[Tensor, "h w"]
    part: PixelBox
    patch: tuple[int, int]
    image: Float[Tensor, "1 C H W"]


def predict_large(model: GlanceClassifier, path: str | Path) -> LargeAnswer:
    """The answer to a picture in a file, which may be larger than memory where it is a tiled TIFF.

    The largest part of the model's shape in the middle of the picture counts, cut to a whole number of the file's
    pixels a patch. The glance sees averages over it; bought patches are read in full resolution. Where the file's patch
    is larger than the model's, it is averaged to that; to see finer, build and train the model for larger images
    (``input_size`` and ``patch``).

    Raises:
        RegardError: a picture with fewer pixels than the model's images, a model of another number of channels than 3,
            random places, or as `regard.reading.open_large`.
    """
    C, H, W = model.shape
    if C != 3:
        raise RegardError(f"predict_large: the model takes {C} channels; pictures have 3")
    device = next(model.parameters()).device
    with eval_mode(model), torch.no_grad(), open_large(path) as picture:
        part, patch = _part(model, picture, path)
        low = averages(picture, part, model.attention.glance_size) / 255
        small = torch.from_numpy(low).permute(2, 0, 1)[None].to(device, torch.float32)
        image = torch.zeros(1, C, H, W, device=device)
        read = torch.zeros(model.attention.grid, dtype=torch.bool)

        def seen_of(opened: Bool[Tensor, "1 1 h w"]) -> Float[Tensor, "1 C H W"]:
            for row, column in (opened[0, 0].cpu() & ~read).nonzero().tolist():
                _fill(image, picture, model, part, patch, (row, column))
                read[row, column] = True
            pixels = opened.repeat_interleave(H // read.shape[0], 2).repeat_interleave(W // read.shape[1], 3)
            return torch.where(pixels, model.normalized(image), torch.zeros((), device=device))

        map_ = model.attention.decide(model.normalized(small), seen_of)
        seen_of(map_ > 0)
        probabilities = model.predict(image, map_override=map_)[0]
    return LargeAnswer(probabilities.cpu(), (map_[0, 0] > 0).cpu(), part, patch, image.cpu())


def _part(model: GlanceClassifier, picture: LargePicture, path: str | Path) -> tuple[PixelBox, tuple[int, int]]:
    """The middle part that the map lies on, and a patch's sides, in the file's pixels."""
    (_, H, W), (h, w) = model.shape, model.attention.grid
    scale = min(picture.height / H, picture.width / W)
    if scale < 1:
        raise RegardError(
            f"{path}: {picture.height}x{picture.width} pixels are fewer than the model's {H}x{W}; use `predict`, which "
            "enlarges"
        )
    patch = int(H // h * scale), int(W // w * scale)
    height, width = h * patch[0], w * patch[1]
    top, left = (picture.height - height) // 2, (picture.width - width) // 2
    return (top, left, top + height, left + width), patch


def _fill(
    image: Tensor,
    picture: LargePicture,
    model: GlanceClassifier,
    part: PixelBox,
    patch: tuple[int, int],
    at: tuple[int, int],
) -> None:
    """Writes one patch of the picture into the model's image, averaged to its size."""
    sides = tuple(side // patches for side, patches in zip(model.shape[1:], model.attention.grid, strict=True))
    top, left = part[0] + at[0] * patch[0], part[1] + at[1] * patch[1]
    pixels = averages(picture, (top, left, top + patch[0], left + patch[1]), (sides[0], sides[1])) / 255
    place = (slice(at[0] * sides[0], (at[0] + 1) * sides[0]), slice(at[1] * sides[1], (at[1] + 1) * sides[1]))
    image[0, :, place[0], place[1]] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).to(image)
