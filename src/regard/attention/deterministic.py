"""A deterministic learned map, mu = sigmoid(head(f)): attention without a bottleneck."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.proposals import MapDistribution
from regard.attention.variational import conv_head


class DeterministicMap(nn.Module):
    """The mean of the variational map, without its noise. Arguments as in ``VariationalMap``."""

    def __init__(self, channels: int, *, head: nn.Module | None = None) -> None:
        super().__init__()
        self.head = conv_head(channels) if head is None else head

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """The map (B,1,h,w), in float32."""
        return MapDistribution(torch.sigmoid(self.head(features).float()))
