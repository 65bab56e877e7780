"""Handwritten digits as soft shapes that can be drawn at any place, size and tilt, whole or as a fragment."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

_FINE = 4
"""The 8x8 digits are smoothed once to this many samples a source pixel and read bilinearly from there."""


@lru_cache(maxsize=1)
def digits() -> tuple[Float[Tensor, "N 1 G G"], Int[Tensor, " N"], Float[Tensor, "N M 2"], Int[Tensor, " N"]]:
    """scikit-learn's digits: ink in [0,1] with a margin of one source pixel, labels, and where ink is.

    The third holds the centres of source pixels that are at least half black, as (x, y) in units of the digit's side
    from its centre, padded; the fourth their number.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    ink = torch.from_numpy(loaded.images).float()[:, None] / 16
    fine = F.interpolate(F.pad(ink, (1, 1, 1, 1)), scale_factor=_FINE, mode="bicubic", align_corners=False)
    black = ink[:, 0] >= 0.5
    number = black.sum((1, 2))
    first = black.flatten(1).long().argsort(dim=1, descending=True, stable=True)[:, : int(number.max())]
    places = torch.stack([first % 8, first // 8], -1).float().add(0.5).div(8).sub(0.5)
    return fine.clamp(0, 1), torch.from_numpy(loaded.target).long(), places, number


def render(
    which: Int[Tensor, " B"],
    centre: Float[Tensor, "B 2"],
    side: Float[Tensor, " B"],
    tilt: Float[Tensor, " B"],
    *,
    size: int,
    window: int,
    cut: tuple[Float[Tensor, " B"], Float[Tensor, " B"]] | None = None,
) -> Float[Tensor, "B 1 S S"]:
    """Coverage in [0,1] of one glyph an image, with edges about one and a half pixels wide at any size.

    Args:
        which: position of the digit in :func:`digits`.
        centre: x, y in pixels.
        side: the digit's side in pixels.
        tilt: radians.
        size: side of the image in pixels.
        window: the glyph is computed in a square of this many pixels around its centre, moved inside the image.
        cut: for a fragment, the side of a square patch as a share of the digit's side, and a uniform that selects
            the point of ink in its middle; ``centre`` is then the patch's centre.
    """
    fine, _, places, number = digits()
    corner = (centre - window / 2).round().clamp(0, size - window)
    step = torch.arange(window) + 0.5
    x = corner[:, 0, None, None] + step - centre[:, 0, None, None]
    y = corner[:, 1, None, None] + step[:, None] - centre[:, 1, None, None]
    cos, sin = (tilt.cos() / side)[:, None, None], (tilt.sin() / side)[:, None, None]
    own = torch.stack([cos * x + sin * y, cos * y - sin * x], -1)
    inside: Tensor | float = 1.0
    if cut is not None:
        share, choice = cut
        # a patch half a pixel soft at its border, like the strokes themselves
        distance = 0.5 * share[:, None, None] - own.abs().amax(-1)
        inside = (distance * side[:, None, None] / 1.5 + 0.5).clamp(0, 1)
        own = own + places[which, (choice * number[which]).long()][:, None, None]
    # the margin makes the side 8 of 10 source pixels: grid_sample's [-1,1] spans the 10
    ink = F.grid_sample(fine[which], own * 1.6, mode="bilinear", padding_mode="zeros", align_corners=False)
    alpha = ((ink - 0.45) * side[:, None, None, None] / 12 + 0.5).clamp(0, 1)[:, 0] * inside
    out = torch.zeros(len(which), size * size)
    left, top = corner.long().unbind(1)
    rows = (top[:, None] + torch.arange(window)) * size
    place = rows[:, :, None] + (left[:, None] + torch.arange(window))[:, None, :]
    return out.scatter_(1, place.flatten(1), alpha.flatten(1)).view(-1, 1, size, size)
