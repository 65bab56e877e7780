"""Maps that are not learned: the controls that a learned map has to beat.

A map given by the caller needs no class here: pass it as ``given`` to any attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.proposals import MapDistribution


class UniformMap(nn.Module):
    """The same value everywhere."""

    def __init__(self, *, value: float = 0.5) -> None:
        super().__init__()
        self.value = value

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """A constant map (B,1,H,W)."""
        B, _, H, W = features.shape
        return MapDistribution(torch.full((B, 1, H, W), self.value, device=features.device))


class CenterMap(nn.Module):
    """A Gaussian at the middle of the grid; ``sigma`` is a share of each side.

    It is read at the middles of the positions, so its peak of 1 is met only where both sides are odd: on an 8x8 grid
    the largest value is ``exp(-(1/16)^2 / sigma^2)``, .94.
    """

    def __init__(self, *, sigma: float = 0.25) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """The centre map (B,1,H,W)."""
        B, _, H, W = features.shape
        y = (torch.arange(H, device=features.device) + 0.5) / H - 0.5
        x = (torch.arange(W, device=features.device) + 0.5) / W - 0.5
        square = y[:, None] ** 2 + x[None, :] ** 2
        return MapDistribution(torch.exp(-square / (2 * self.sigma**2)).expand(B, 1, H, W))


@dataclass(frozen=True)
class SmoothNoise(MapDistribution):
    """Uniform values on a coarse grid, bilinear between; its mean is .5."""

    cells: int = 4

    def sample(self, samples: int) -> Float[Tensor, "S B 1 h w"]:
        """Maps (S,B,1,h,w) in [0,1]."""
        B, _, h, w = self.mean.shape
        coarse = torch.rand(samples * B, 1, self.cells, self.cells, device=self.mean.device)
        smooth = nn.functional.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=True)
        return smooth.reshape(samples, B, 1, h, w)


class RandomMap(nn.Module):
    """Smooth noise, new for every image and sample; its mean, used by prediction without samples, is .5 everywhere."""

    def __init__(self, *, cells: int = 4) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """Smooth noise on the features' grid."""
        B, _, H, W = features.shape
        return SmoothNoise(torch.full((B, 1, H, W), 0.5, device=features.device), cells=self.cells)
