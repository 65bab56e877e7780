"""CBAM (Woo et al., ECCV 2018), timm's: a gate per channel, then a gate per position.

    f' = f * sigmoid(mlp(mean_p f) + mlp(max_p f)),    map = sigmoid(BN(Conv7x7[mean_c f', max_c f'])),    f'' = f' map

The position's gate is the map. Caveat: the channels' gate is no part of it, and neither has a price.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from timm.layers.cbam import CbamModule
from torch import Tensor, nn

from regard.attention import MapOverride, override_map, repeat_samples
from regard.types import AttentionOutput


class Cbam(nn.Module):
    """Features (B,C,H,W) -> AttentionOutput.

    Args:
        channels: C.
        reduction: of the channel gate's hidden layer.
        kernel: of the position gate's convolution.
    """

    def __init__(self, channels: int, *, reduction: float = 16, kernel: int = 7) -> None:
        super().__init__()
        self.cbam = CbamModule(channels, rd_ratio=1 / reduction, spatial_kernel_size=kernel)

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: MapOverride = None
    ) -> AttentionOutput:
        """Features through both gates; ``map_override`` replaces that of the positions."""
        S, (B, _, H, W) = max(samples, 1), features.shape
        y, spatial = self.cbam.channel(features), self.cbam.spatial
        own = spatial.gate(spatial.conv(torch.cat([y.mean(1, keepdim=True), y.amax(1, keepdim=True)], 1))).float()
        map = own.expand(S, B, 1, H, W) if map_override is None else override_map(map_override, (S, B, H, W))
        gated = repeat_samples(y, S) * map.reshape(S * B, 1, H, W).to(y.dtype)
        return AttentionOutput(gated, map=map, mean=own, raw=map)
