"""Maps: features (B,C,H,W) -> the distribution of a spatial map (B,1,H,W).

Learned:

    VariationalMap     mu = u sigmoid(head(f) - b),  a = mu + sigma eps,  sigma = softplus(Conv3x3(mu) - 5) learned,
                       or held: constant, or logit_std mu (1 - mu), a constant spread of the map's logit
    DeterministicMap   a = mu

u is 1 and b is 0 unless a budget is asked for (`regard.attention.projection`).

Fixed, the controls that a learned map has to beat:

    UniformMap   a = value
    CenterMap    a = exp(-(x^2 + y^2) / (2 sigma^2)),  x, y in shares of the sides, from the middle
    RandomMap    a = smooth uniform noise, new for every image and sample

Source of the variational map: the Attentive Information Bottleneck, Lai et al., IJCAI 2021, section 3.2 and released
code. To use a map of your own, no class is needed: pass it as ``map_override`` to any attention.

Caveats of the variational map:

* sigma reads mu after the sigmoid, as the released code does, so it cannot tell two positions apart whose
  neighbourhoods have the same mean.
* A price on anchors (code length, kept share) reaches a position only within a few sigma of a boundary between anchors.
  At the released start, sigma of about .007, nearly no position is that close; ``initial_std`` of about half the
  distance between anchors puts all of them within reach.
* The task prefers no noise, so sigma falls before a price acts, the mean saturates at one and the price has no slope
  left (observed: kept share 1 at any weight). ``learned_std=False`` holds sigma constant, as stochastic gates do
  (Yamada et al., *Feature Selection using Stochastic Gates*, ICML 2020), and ``logit_std`` where the map is surest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.heads import conv_head
from regard.types import RegardError

STD_SHIFT = 5.0


@dataclass(frozen=True)
class MapDistribution:
    """An independent Gaussian at every position; a deterministic map where ``std`` is None.

    Attributes:
        mean: (B,1,h,w) in [0,1].
        std: (B,1,h,w) > 0, or None.
    """

    mean: Float[Tensor, "B 1 h w"]
    std: Float[Tensor, "B 1 h w"] | None = None

    def sample(self, samples: int, eps: Float[Tensor, "S B 1 h w"] | None = None) -> Float[Tensor, "S B 1 h w"]:
        """Reparametrised draws ``mean + std * eps``, unclamped (S,B,1,h,w); ``eps`` is drawn unless given."""
        mean = self.mean.expand(samples, *self.mean.shape)
        if self.std is None:
            return mean
        return mean + self.std * (torch.randn_like(mean) if eps is None else eps)


@dataclass(frozen=True)
class SmoothNoise(MapDistribution):
    """Uniform values on a coarse grid of ``cells`` x ``cells``, bilinear between; the mean is .5."""

    cells: int = 4

    def sample(self, samples: int, eps: Float[Tensor, "S B 1 h w"] | None = None) -> Float[Tensor, "S B 1 h w"]:
        """Maps (S,B,1,h,w) in [0,1]."""
        B, _, h, w = self.mean.shape
        coarse = torch.rand(samples * B, 1, self.cells, self.cells, device=self.mean.device)
        smooth = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=True)
        return smooth.reshape(samples, B, 1, h, w)


MapProposal = Callable[[Float[Tensor, "B C H W"]], MapDistribution]
"""Features (B,C,H,W) -> the distribution of the map (B,1,h,w)."""


class LearnedMap(nn.Module):
    """A map with logits, so that a threshold can be subtracted from them.

    Attributes:
        head: features (B,C,H,W) -> map logits (B,1,h,w).
        is_random: whether its distribution has a standard deviation.
    """

    head: nn.Module
    is_random = True

    def logits(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
        """Map logits (B,1,h,w), in float32."""
        return self.head(features).float()

    def distribution(self, logits: Float[Tensor, "B 1 h w"], upper: float = 1.0) -> MapDistribution:
        """The map of some logits, in [0, upper]."""
        raise NotImplementedError

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """Distribution of the map (B,1,h,w), in float32."""
        return self.distribution(self.logits(features))


class VariationalMap(LearnedMap):
    """mu + sigma eps: a random map whose mean is learned, and sigma too unless it is held.

    Args:
        channels: C of the features.
        head: features (B,C,H,W) -> map logits (B,1,h,w); the paper's Conv3x3 by default.
        initial_std: sigma at the start, everywhere, in (0,1]; None for the released code's start.
        learned_std: whether sigma is learned; else it stays at ``initial_std``, which is then required.
        logit_std: holds sigma at ``logit_std mu (1 - mu)`` instead; in (0,1], without the other two.

    Raises:
        RegardError: ``initial_std`` or ``logit_std`` outside (0,1], both, or neither where sigma is not learned.
    """

    def __init__(
        self,
        channels: int,
        *,
        head: nn.Module | None = None,
        initial_std: float | None = None,
        learned_std: bool = True,
        logit_std: float | None = None,
    ) -> None:
        super().__init__()
        self.head = conv_head(channels) if head is None else head
        self.logit_std, self.std = logit_std, None
        for name, value in (("initial_std", initial_std), ("logit_std", logit_std)):
            if value is not None and not 0 < value <= 1:
                raise RegardError(f"{name}={value}: maps are in [0,1]; give a value above 0 and at most 1")
        if logit_std is not None:
            if initial_std is not None:
                raise RegardError(f"initial_std={initial_std} and logit_std={logit_std}: leave one of them out")
            return
        self.std = nn.Conv2d(1, 1, kernel_size=3, padding=1)
        if initial_std is not None:
            nn.init.zeros_(self.std.weight)
            nn.init.constant_(self.std.bias, STD_SHIFT + math.log(math.expm1(initial_std)))  # type: ignore[arg-type]
        elif not learned_std:
            raise RegardError("learned_std=False holds sigma at its start: give an initial_std, or a logit_std")
        self.std.requires_grad_(learned_std)

    def distribution(self, logits: Float[Tensor, "B 1 h w"], upper: float = 1.0) -> MapDistribution:
        """Mean and standard deviation of the map (B,1,h,w), in float32."""
        mean = upper * torch.sigmoid(logits)
        if self.std is None:
            assert self.logit_std is not None
            return MapDistribution(mean, self.logit_std * mean * (1 - mean))
        with torch.autocast(mean.device.type, enabled=False):
            std = F.softplus(self.std(mean) - STD_SHIFT)
        return MapDistribution(mean, std)


class DeterministicMap(LearnedMap):
    """mu: the mean of the variational map without its noise. Arguments as in ``VariationalMap``."""

    is_random = False

    def __init__(self, channels: int, *, head: nn.Module | None = None) -> None:
        super().__init__()
        self.head = conv_head(channels) if head is None else head

    def distribution(self, logits: Float[Tensor, "B 1 h w"], upper: float = 1.0) -> MapDistribution:
        """The map (B,1,h,w), in float32."""
        return MapDistribution(upper * torch.sigmoid(logits))


class UniformMap(nn.Module):
    """``value`` everywhere."""

    def __init__(self, *, value: float = 0.5) -> None:
        super().__init__()
        self.value = value

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """A constant map (B,1,H,W)."""
        B, _, H, W = features.shape
        return MapDistribution(torch.full((B, 1, H, W), self.value, device=features.device))


class CenterMap(nn.Module):
    """A Gaussian at the middle of the grid; ``sigma`` is a share of each side.

    It is evaluated at the centres of positions, so its peak of 1 is reached only where both sides are odd: on an 8x8
    grid the largest value is ``exp(-(1/16)^2 / sigma^2)``, .94.
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


class RandomMap(nn.Module):
    """Smooth noise, new for every image and sample; its mean, used without samples, is .5 everywhere."""

    def __init__(self, *, cells: int = 4) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """Smooth noise on the features' grid."""
        B, _, H, W = features.shape
        return SmoothNoise(torch.full((B, 1, H, W), 0.5, device=features.device), cells=self.cells)
