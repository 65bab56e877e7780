"""A head that sees context: one position's value depends on a neighbourhood of about 15 positions.

The paper's Conv3x3 sees three by three features, which is enough deep in a network and too little where the grid is
fine: a fragment of an object looks like the object. A local branch keeps the grid, a branch at a quarter of it looks
around, and their sum is read by a 1x1 convolution.

Both ends are normalised a channel (batch statistics, no parameters). Without that, features behind a ReLU are all
positive, so every weight of the head gets a gradient of the same sign and one step of Adam moves the map everywhere by
some tenths of a logit; the map then saturates within an epoch, before the network has learned anything from it.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ContextHead(nn.Module):
    """Features (B,C,H,W) -> map logits (B,1,H,W).

    Args:
        channels: C.
        width: channels inside.
        initial: where the map starts, everywhere.
    """

    def __init__(self, channels: int, initial: float = 0.8, *, width: int = 32) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm2d(channels, affine=False)
        self.local = nn.Conv2d(channels, width, 1)
        self.around = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
        )
        self.norm_out = nn.BatchNorm2d(width, affine=False)
        self.logit = nn.Conv2d(width, 1, 1)
        nn.init.normal_(self.logit.weight, std=0.05)
        nn.init.constant_(self.logit.bias, math.log(initial / (1 - initial)))  # type: ignore[arg-type]

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
        """Map logits."""
        x = self.norm_in(features)
        around = F.interpolate(self.around(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return self.logit(self.norm_out(F.relu(self.local(x)) + around))
