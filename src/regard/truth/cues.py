"""Shortcuts planted in images: something of another kind than the object that tells the class most of the time.

``background``: everything but the object is tinted in the class's hue. ``mark``: one patch, at a random place, is
painted in it. With the agreement of .9 one image in ten has the hue of a random class.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.types import RegardError

CueName = Literal["none", "background", "mark"]
CUE_AGREEMENT = 0.9
_TINT = 0.4


@dataclass(frozen=True)
class Planted:
    """Images with a cue.

    Attributes:
        images: (N,C,H,W).
        hues: the class whose hue each has (N,).
        places: the mark's patch, number in reading order (N,); -1 without a mark.
    """

    images: Float[Tensor, "N C H W"]
    hues: Int[Tensor, " N"]
    places: Int[Tensor, " N"]


def plant(
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"],
    masks: Bool[Tensor, "N 1 H W"] | None,
    cue: CueName,
    *,
    classes: int,
    patch: int,
    seed: int,
    agreement: float = CUE_AGREEMENT,
) -> Planted:
    """Plants a cue into images.

    Args:
        images: in [0,1]; without a cue they are returned as they are.
        labels: of the images.
        masks: true on the object, which ``background`` leaves as it is; None tints everything.
        cue: which.
        classes: n; the hues are evenly spaced.
        patch: side of the mark in pixels.
        seed: of places and of images whose cue is a random class's.
        agreement: share of images whose cue is of their own class for sure.

    Raises:
        RegardError: no such cue.
    """
    if cue not in get_args(CueName):
        raise RegardError(f"cue={cue!r}: one of {', '.join(get_args(CueName))}")
    N, _, H, W = images.shape
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(N, generator=generator) >= agreement
    hues = torch.where(wrong, torch.randint(classes, (N,), generator=generator), labels)
    places = torch.randint((H // patch) * (W // patch), (N,), generator=generator)
    if cue == "none":
        return Planted(images, hues, torch.full((N,), -1))
    colors = torch.tensor([colorsys.hsv_to_rgb(c / classes, 0.9, 0.9) for c in range(classes)])[hues][:, :, None, None]
    if cue == "background":
        tinted = torch.lerp(images, colors.expand_as(images), _TINT)
        there = torch.ones(N, 1, H, W, dtype=torch.bool) if masks is None else ~masks
        return Planted(torch.where(there, tinted, images), hues, torch.full((N,), -1))
    columns = W // patch
    rows, cols = torch.arange(H) // patch, torch.arange(W) // patch
    there = (rows[None, :, None] * columns + cols[None, None, :] == places[:, None, None])[:, None]
    return Planted(torch.where(there, colors.expand_as(images), images), hues, places)
