"""Heads: features (B,C,H,W) -> map logits (B,1,H,W).

``conv_head`` is the paper's Conv3x3 (Lai et al., IJCAI 2021). It sees 3x3 features: enough deep in a network, too
little where the grid is fine, because a fragment of an object looks like the object.

``ContextHead`` sees about 15x15. A local 1x1 branch keeps the grid, a branch at a quarter of the grid adds context,
and a 1x1 convolution reads their sum:

    logit = Conv1x1( BN( relu(Conv1x1(x)) + up(context(x)) ) ),   x = BN(f)

Both normalisations are per channel, over the batch, without learned parameters. Without them, features behind a ReLU
are all positive, every weight of the head gets a gradient of the same sign, and one step of Adam moves the whole map by
some tenths of a logit: the map then saturates within an epoch, before the network has learned from it.
Caveat: in training the map of one image therefore depends on the others in its batch; in evaluation it does not.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def conv_head(channels: int, initial: float = 0.5) -> nn.Module:
    """Conv3x3 C -> 1 whose map starts near ``initial`` everywhere; at .5 it is torch's default, as in the paper."""
    conv = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
    if initial != 0.5:
        nn.init.normal_(conv.weight, std=0.01)
    _start_at(conv, initial)
    return conv


class ContextHead(nn.Module):
    """Conv1x1 branch plus a branch at a quarter of the grid, each position seeing about 15x15 features.

    Args:
        channels: C of the features.
        initial: value of the map at the start, in (0,1), everywhere.
        width: channels inside.
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
        _start_at(self.logit, initial)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
        """Map logits."""
        x = self.norm_in(features)
        around = F.interpolate(self.around(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return self.logit(self.norm_out(F.relu(self.local(x)) + around))


def _start_at(conv: nn.Conv2d, initial: float) -> None:
    """Sets the bias so that sigmoid(bias) is ``initial``."""
    nn.init.constant_(conv.bias, math.log(initial / (1 - initial)))  # type: ignore[arg-type]
