"""Does the map move with the image? Shift, flip, scale and crop, compared where both are inside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.consistency.score import explained
from regard.metrics.similarity import cosine, spearman
from regard.types import Explain, Map


@dataclass(frozen=True)
class Warp:
    """Where each pixel is taken from: x' = zoom * x + offset; the left and top border are -1, the others 1.

    Attributes:
        zoom: (horizontal, vertical); negative mirrors, above 1 shows more than the image (reflected at its border).
        offset: (horizontal, vertical), in halves of the image's side.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def __call__(self, values: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Warped images, or maps on the images' grid, by bilinear interpolation."""
        return F.grid_sample(values, self._grid(values), padding_mode="reflection", align_corners=False)

    def inside(self, values: Float[Tensor, "B C H W"]) -> Bool[Tensor, "B 1 H W"]:
        """Which pixels of the result come from inside the image."""
        grid = self._grid(values)
        return (grid.abs() <= 1).all(3)[:, None]

    def _grid(self, values: Tensor) -> Tensor:
        theta = values.new_tensor(
            [[self.zoom[0], 0, self.offset[0]], [0, self.zoom[1], self.offset[1]]], dtype=torch.float32
        )
        return F.affine_grid(theta.expand(len(values), 2, 3), list(values.shape), align_corners=False)


WARPS: dict[str, Warp] = {
    "shift": Warp(offset=(0.25, 0.125)),
    "flip": Warp(zoom=(-1.0, 1.0)),
    "scale": Warp(zoom=(1.25, 1.25)),
    "crop": Warp(zoom=(0.75, 0.75), offset=(-0.25, 0.25)),
}
"""Shift by an eighth and a sixteenth of the side, mirror, shrink to four fifths, and a corner of three quarters."""


@dataclass(frozen=True)
class Equivariance:
    """Agreement of map(warped image) with warped map(image), over pixels that come from inside the image.

    Attributes:
        cosine: (B,); a constant map has 1.
        spearman: (B,); a constant map has none (NaN).
    """

    cosine: Float[Tensor, " B"]
    spearman: Float[Tensor, " B"]


def equivariance(
    explain: Explain,
    images: Float[Tensor, "B C H W"],
    classes: Int[Tensor, " B"],
    warp: Warp,
    *,
    batch_size: int = 64,
) -> Equivariance:
    """Explain a warped image and hold the map against the warped map of the image, both on the image's grid.

    A network need not be equivariant itself, so what a map lacks may be the network's: compare methods on one network.

    Args:
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        classes: what is explained (B,).
        warp: one of `WARPS`, or another.
        batch_size: images explained at once.

    >>> brightness = lambda x, _: Map(x.mean(1, keepdim=True), "relevance")
    >>> round(equivariance(brightness, torch.rand(1, 3, 8, 8), torch.tensor([0]), WARPS["flip"]).cosine.item(), 5)
    1.0
    """
    size = (images.shape[2], images.shape[3])
    own = explained(explain, images, classes, batch_size).resize(size)
    moved = explained(explain, warp(images), classes, batch_size).resize(size)
    expected = Map(warp(own.values.float()), own.unit)
    valid = warp.inside(own.values)
    moved = Map(moved.values.float(), moved.unit)
    return Equivariance(cosine(moved, expected, valid=valid), spearman(moved, expected, valid=valid))
