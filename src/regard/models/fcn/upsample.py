"""Learned upsampling that begins as bilinear interpolation, and what to do where sizes do not divide."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class BilinearUp(nn.Module):
    """Scores (B,1,h,w) -> (B,1,f h,f w) by a transposed convolution, at first bilinear interpolation exactly.

    The border is repeated before, as interpolation has it; without that a transposed convolution fades there.

    Args:
        factor: f.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor, self.side = factor, 2 * factor - factor % 2
        self.weight = nn.Parameter(torch.empty(1, 1, self.side, self.side))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Bilinear interpolation."""
        place = torch.arange(self.side) - (self.side - 1) / 2
        tent = 1 - place.abs() / self.factor
        with torch.no_grad():
            self.weight.copy_(tent[:, None] * tent)

    def forward(self, scores: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 1 H W"]:
        """Upsampled."""
        repeated = F.pad(scores, (1, 1, 1, 1), mode="replicate")
        # a cell's kernel is centred on the cell's pixels, and the added border is cut off again
        padding = (self.side - self.factor) // 2 + self.factor
        return F.conv_transpose2d(repeated, self.weight, stride=self.factor, padding=padding)


def fit(scores: Float[Tensor, "B 1 h w"], size: tuple[int, int]) -> Float[Tensor, "B 1 H W"]:
    """Scores cut to a size that their grid begins with, or stretched where the grid covers less.

    Layers that pad have ceil(n / stride) cells, of which the last reaches over the border: cutting keeps all others in
    place. Layers that do not pad (AlexNet) have fewer cells than the image needs.
    """
    if scores.shape[-2] >= size[0] and scores.shape[-1] >= size[1]:
        return scores[..., : size[0], : size[1]]
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
