"""Augmentation of a whole batch on the device where it lies, images, masks, boxes, parts and fixations together.

The change of a sample is a function of (seed, epoch, sample index) alone: not of its batch, the number of workers or
devices, or earlier samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.crops import visible_parts
from regard.data.random_counter import uniforms
from regard.data.transforms import transform_batch
from regard.types import Batch, RegardError

_STREAM = 101


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of training images; all are off by default.

    Attributes:
        crop_padding: the image is padded by this many pixels and cut to its size at a random place.
        pad_mode: ``reflect`` mirrors without repeating the border; ``zeros`` pads with black, and flow with 0.
        flip: mirrored left to right with probability one half.
        brightness: factor from [1-b, 1+b] on all values.
        contrast: factor from [1-c, 1+c] on the distance to the image's mean.
        erase: probability that a rectangle of 2 to 33 % of the area, aspect .3 to 3.3, is filled with the image's
            mean colour (random erasing, Zhong et al., AAAI 2020); masks are false there, flow is 0, boxes stay.
        transforms: of torchvision or of one's own (`regard.data.transform_batch`), before all others, one image after
            another on a processor.
    """

    crop_padding: int = 0
    pad_mode: Literal["reflect", "zeros"] = "reflect"
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0
    transforms: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.crop_padding < 0:
            raise RegardError(f"augmentation: crop_padding={self.crop_padding}; use at least 0 pixels")
        for name in ("brightness", "contrast", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise RegardError(f"augmentation: {name}={getattr(self, name)}; use a value from 0 to 1")

    def __call__(self, batch: Batch, *, seed: int, epoch: int) -> Batch:
        """The batch of this epoch, augmented.

        Boxes are moved and cut at the border; one outside of the image has no area, a part outside is not visible, and
        a mirrored left eye keeps its name. Padding by reflection can show a second, mirrored piece of an object at the
        border, which the mask marks and the box does not enclose. A batch without pixels (``stem_size``) has its
        annotations changed as if it had them.
        """
        if self.transforms:
            batch = transform_batch(batch, self.transforms, seed=seed, epoch=epoch)
        u = uniforms(batch.index, 10, seed=seed, epoch=epoch, stream=_STREAM)
        if self.crop_padding or self.flip:
            batch = _move(batch, u[:, :3], self.crop_padding, self.flip, self.pad_mode)
        if (self.brightness or self.contrast) and batch.images.numel():
            batch = replace(batch, images=_jitter(batch.images, u[:, 3:5], self.brightness, self.contrast))
        if self.erase:
            batch = _erase(batch, u[:, 5:10], self.erase)
        return batch


def _move(batch: Batch, u: Float[Tensor, "B 3"], padding: int, flip: bool, mode: str) -> Batch:
    height, width = batch.size
    if mode == "reflect" and padding >= min(height, width):
        raise RegardError(
            f"augmentation: crop_padding={padding} cannot be reflected from images of {height}x{width} pixels; "
            f"use at most {min(height, width) - 1}, or pad_mode='zeros'"
        )
    shift = (u[:, :2] * (2 * padding + 1)).long() - padding  # of the window, (down, right)
    mirrored = (u[:, 2] < 0.5) & flip
    device = u.device
    across, down = torch.arange(width, device=device), torch.arange(height, device=device)
    columns = torch.where(mirrored[:, None], width - 1 - across, across) + shift[:, 1:]
    rows = down + shift[:, :1]
    inside = None
    if mode == "zeros" and padding:
        inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None]

    def gather(values: Tensor) -> Tensor:
        place = (_reflect(rows, height) * width)[:, :, None] + _reflect(columns, width)[:, None, :]
        out = values.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, values.shape[1], -1)).view_as(values)
        return out if inside is None else out * inside

    moved, boxes = torch.cat([shift, mirrored[:, None].long()], 1), batch.boxes
    if boxes is not None:
        x0, y0, x1, y1 = (boxes - shift[:, [1, 0, 1, 0]]).unbind(1)
        x0, x1 = torch.where(mirrored, width - x1, x0), torch.where(mirrored, width - x0, x1)
        x0, x1 = x0.clamp(0, width), x1.clamp(0, width)
        boxes = torch.stack([x0, y0.clamp(0, height), x1, y1.clamp(0, height)], 1)
    parts = batch.parts
    if parts is not None:
        x, y = parts[..., 0] - shift[:, 1:], parts[..., 1] - shift[:, :1]
        x = torch.where(mirrored[:, None], width - x, x)
        parts = visible_parts(torch.stack([x, y, parts[..., 2]], -1), (height, width))
    return replace(
        batch,
        images=gather(batch.images) if batch.images.numel() else batch.images,
        masks=None if batch.masks is None else gather(batch.masks),
        flow=None if batch.flow is None else _mirror_flow(gather(batch.flow), rows, columns, mirrored),
        boxes=boxes,
        parts=parts,
        fixations=None if batch.fixations is None else move_points(batch.fixations, moved, (height, width)),
        moved=moved,
    )


def _mirror_flow(
    flow: Float[Tensor, "B F H W"], rows: Int[Tensor, "B H"], columns: Int[Tensor, "B W"], mirrored: Bool[Tensor, " B"]
) -> Float[Tensor, "B F H W"]:
    """Flow changes its sign where the image is mirrored, by a flip or at a reflected border."""
    height, width = flow.shape[-2:]
    left = ((columns < 0) | (columns >= width)) ^ mirrored[:, None]
    up = (rows < 0) | (rows >= height)
    x = torch.where(left[:, None, None, :], -flow[:, 0::2], flow[:, 0::2])
    y = torch.where(up[:, None, :, None], -flow[:, 1::2], flow[:, 1::2])
    return torch.stack([x, y], 2).flatten(1, 2)


def move_points(
    points: Float[Tensor, "B p 2"], moved: Int[Tensor, "B 3"], size: tuple[int, int]
) -> Float[Tensor, "B p 2"]:
    """Fixations moved with their pixels; NaN for those that left the image.

    Args:
        points: x, y in pixels of the images before.
        moved: as in ``Batch.moved``.
        size: height and width of the images.
    """
    x, y = (points - moved[:, None, [1, 0]]).unbind(-1)
    # mirror the pixel, keep the place inside it: size - x would move the left edge of a pixel into the next one
    x = torch.where(moved[:, 2:] > 0, size[1] - 1 - x.floor() + (x - x.floor()), x)
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    return torch.where(inside[..., None], torch.stack([x, y], -1), torch.nan)


def _reflect(place: Int[Tensor, "B L"], length: int) -> Int[Tensor, "B L"]:
    """Places up to one length outside, mirrored at the border pixel; larger ones are clamped."""
    place = place.abs()
    return torch.where(place >= length, 2 * (length - 1) - place, place).clamp(0, length - 1)


def _jitter(
    images: Float[Tensor, "B 3 H W"], u: Float[Tensor, "B 2"], brightness: float, contrast: float
) -> Float[Tensor, "B 3 H W"]:
    factor = 1 + (2 * u - 1) * torch.tensor([brightness, contrast], device=u.device)
    images = images * factor[:, 0, None, None, None]
    mean = images.mean((1, 2, 3), keepdim=True)
    return (mean + (images - mean) * factor[:, 1, None, None, None]).clamp(0, 1)


def _erase(batch: Batch, u: Float[Tensor, "B 5"], probability: float) -> Batch:
    height, width = batch.size
    area = (0.02 + 0.31 * u[:, 1]) * height * width
    ratio = torch.exp((2 * u[:, 2] - 1) * math.log(3.3))
    tall, wide = (area * ratio).sqrt().clamp_max(height), (area / ratio).sqrt().clamp_max(width)
    tall = torch.where(u[:, 0] < probability, tall, torch.zeros_like(tall))

    def covered(length: int, extent: Tensor, place: Tensor) -> Bool[Tensor, "B L"]:
        start = (place * (length - extent))[:, None]
        centres = torch.arange(length, device=u.device) + 0.5
        return (centres >= start) & (centres < start + extent[:, None])

    hole = covered(height, tall, u[:, 3])[:, None, :, None] & covered(width, wide, u[:, 4])[:, None, None, :]
    images = batch.images
    return replace(
        batch,
        images=torch.where(hole, images.mean((2, 3), keepdim=True), images) if images.numel() else images,
        masks=None if batch.masks is None else batch.masks & ~hole,
        flow=None if batch.flow is None else batch.flow.masked_fill(hole, 0),
    )
