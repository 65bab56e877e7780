"""The variational map of the Attentive Information Bottleneck (Lai et al., IJCAI 2021, section 3.2 and released code).

    mu = sigmoid(head(f)),   sigma = softplus(Conv3x3(mu) - 5),   a = mu + sigma * eps

Caveat: sigma reads mu after the sigmoid, as the released code does, so it cannot tell two positions apart whose
neighbourhoods have the same mean.

How wide sigma starts matters where the map is quantized. A price on the anchors (code length, kept share) pulls on a
position only within a few sigma of a boundary between them; at the released start, about .007, nearly no position is.
``initial_std`` of about half the distance between anchors lets the price reach all of them.

It does not keep it there. The task wants no noise, so before a price asks for something sigma falls and the mean goes
to one, where no price finds a slope (seen: kept share 1 whatever its weight). ``learned_std=False`` holds sigma still,
as stochastic gates do (Yamada et al., *Feature Selection using Stochastic Gates*, ICML 2020).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.proposals import MapDistribution
from regard.types import RegardError

STD_SHIFT = 5.0


def conv_head(channels: int, initial: float = 0.5) -> nn.Module:
    """The paper's head, Conv3x3 C->1, whose map starts near ``initial`` everywhere."""
    conv = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
    if initial != 0.5:
        nn.init.normal_(conv.weight, std=0.01)
    nn.init.constant_(conv.bias, math.log(initial / (1 - initial)))  # type: ignore[arg-type]
    return conv


class VariationalMap(nn.Module):
    """Mean and standard deviation of a random map.

    Args:
        channels: C of the features.
        head: features (B,C,H,W) -> map logits (B,1,h,w); the paper's Conv3x3 by default.
        initial_std: where sigma starts, everywhere; None for the released code's start.
        learned_std: whether sigma is learned; else it stays at ``initial_std``, which is then needed.
    """

    def __init__(
        self,
        channels: int,
        *,
        head: nn.Module | None = None,
        initial_std: float | None = None,
        learned_std: bool = True,
    ) -> None:
        super().__init__()
        self.head = conv_head(channels) if head is None else head
        self.std = nn.Conv2d(1, 1, kernel_size=3, padding=1)
        if initial_std is not None:
            if not 0 < initial_std <= 1:
                raise RegardError(f"initial_std={initial_std}: maps live in [0,1]; give a width above 0, at most 1")
            nn.init.zeros_(self.std.weight)
            nn.init.constant_(self.std.bias, STD_SHIFT + math.log(math.expm1(initial_std)))  # type: ignore[arg-type]

        elif not learned_std:
            raise RegardError("learned_std=False holds sigma where it starts: give an initial_std")
        self.std.requires_grad_(learned_std)

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """Distribution of the map (B,1,h,w), in float32."""
        mean = torch.sigmoid(self.head(features).float())
        with torch.autocast(mean.device.type, enabled=False):
            std = F.softplus(self.std(mean) - STD_SHIFT)
        return MapDistribution(mean, std)
