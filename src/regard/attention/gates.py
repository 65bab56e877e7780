"""Gates: features f (N,C,H,W) and a map a (N,1,H,W) -> gated features and the price of every position.

    ResidualGate   f' = f (1 + a)                                     no price
    MaskGate       f' = f a                                           no price
    NoiseGate      f' = a f + (1 - a) (mu_c + sigma_c eps)            price in nats, per position

Residual: Lai et al., IJCAI 2021, released code. Caveat: it never excludes anything. Background falls to 1x against 2x,
so a low value of the map does not show that a position was not used.

Mask: content at a position with a = 0 cannot change the output, except through the map's shape. Caveat: only zero
excludes. Any normalisation behind the gate undoes a map that is merely small, so a penalty on the map's size is no
price of information.

Noise: what is not attended is replaced by noise, so every position has a price, eps ~ N(0,1):

    price = sum_c 1/2 [ (1-a)^2 + a^2 fhat_c^2 - 1 - ln (1-a)^2 ],   fhat = (f - mu) / sigma

This is KL( N(a fhat, (1-a)^2) || N(0,1) ), the bound of *Restricting the Flow: Information Bottlenecks for
Attribution* (Schulz et al., ICLR 2020, equations 5 to 7), trained with the network here instead of fitted to one image.
mu_c and sigma_c are running statistics, so scaling features down does not make them cheaper. Caveats: the bound takes
channels and positions as independent, so it is loose where they are redundant, and prices of layers or widths whose
redundancy differs are not on one scale; the part - 1/2 ln (1-a)^2 a channel pays for openness, whatever the features.

*Excluded* means: where the map is zero, the features of that position cannot change the gate's output; the map itself
may depend on them. In evaluation this holds exactly for the mask and the noise gate. In training it holds exactly for
the mask gate; the noise gate's running statistics, which replace a closed position, include that position (without
gradient). A value above zero excludes nothing without noise: features pass at amplitude a, and no price bounds them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Gated(NamedTuple):
    """Gated features (N,C,H,W) and the price of every position (N,1,H,W) in nats, where the gate has one."""

    features: Float[Tensor, "N C H W"]
    price: Float[Tensor, "N 1 H W"] | None


Pricing = Callable[[Float[Tensor, "*S B 1 H W"]], Float[Tensor, "*S B 1 H W"]]
"""A map of some features -> the price of every position in nats."""


class Gate(nn.Module):
    """Features (N,C,H,W) and a map (N,1,H,W) -> `Gated`: the base of all gates.

    Attributes:
        upper: largest value of a learned map; a ``map_override`` is not limited.
        pinned: whether zero excludes a position, so that the quantizer pins its first anchor there.
        unit_value: the map value at which features pass unchanged.
    """

    upper = 1.0
    pinned = True
    unit_value = 1.0

    def observe(self, features: Float[Tensor, "B C H W"]) -> None:
        """Called once per training batch with its features, before they are repeated over samples."""

    def pricing(self, features: Float[Tensor, "B C H W"]) -> Pricing | None:
        """A function from maps (...,B,1,H,W) of these features to the price of every position in nats; None without a
        price.
        """
        return None

    def mix(
        self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool
    ) -> Float[Tensor, "N C H W"]:
        """The gated features of ``forward`` alone, for maps that ``pricing`` has priced."""
        return self(features, a, noisy=noisy).features

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Gated features (N,C,H,W), and the price (N,1,H,W) where there is one; without ``noisy`` nothing is random."""
        raise NotImplementedError


class ResidualGate(Gate):
    """f (1 + a); no price."""

    pinned = False
    unit_value = 0.0

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Gated features (N,C,H,W)."""
        return Gated(features + features * a.to(features.dtype), None)


class MaskGate(Gate):
    """f a; no price; the quantizer pins its first anchor at zero."""

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Gated features (N,C,H,W)."""
        return Gated(features * a.to(features.dtype), None)


class NoiseGate(Gate):
    """a f + (1-a) noise, with the price of every position in nats.

    Args:
        channels: C of the features.
        delta: learned maps stay in [0, 1 - delta], since the price is infinite at one.
        momentum: of the running channel statistics.
    """

    mean: Tensor
    var: Tensor
    batches: Tensor

    def __init__(self, channels: int, *, delta: float = 0.01, momentum: float = 0.05) -> None:
        super().__init__()
        self.upper = 1.0 - delta
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))
        self.register_buffer("batches", torch.zeros(()))

    @torch.no_grad()
    def observe(self, features: Float[Tensor, "B C H W"]) -> None:
        """Updates mu_c and sigma_c^2: a cumulative average at first, exponential from 1/momentum batches on."""
        features = features.float()
        mean = features.mean((0, 2, 3))  # torch.var_mean takes ten times as long
        var = (features - mean[:, None, None]).square().mean((0, 2, 3))
        self.batches += 1
        weight = (1 / self.batches).clamp(min=self.momentum)
        self.mean.lerp_(mean, weight)
        self.var.lerp_(var, weight)

    def pricing(self, features: Float[Tensor, "B C H W"]) -> Pricing:
        """``noise_price`` of maps of these features, by the running statistics; without a gradient to the features."""
        with torch.no_grad():
            power = self._standard(features).square().sum(1, keepdim=True)
        return partial(noise_price, power=power, channels=features.shape[1])

    def _standard(self, features: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        return (features.float() - self.mean[:, None, None]) / floored_std(self.var)[:, None, None]

    def mix(
        self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool
    ) -> Float[Tensor, "N C H W"]:
        """Gated features (N,C,H,W); without ``noisy``, eps is zero."""
        mean, std = self.mean[:, None, None], floored_std(self.var)[:, None, None]
        noise = mean + std * _standard_normal(features) if noisy else mean
        return a.to(features.dtype) * features + ((1 - a) * noise).to(features.dtype)

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Gated features (N,C,H,W) and price (N,1,H,W); without ``noisy``, eps is zero."""
        power = self._standard(features).square().sum(1, keepdim=True)
        price = noise_price(a, power, channels=features.shape[1])
        return Gated(self.mix(features, a, noisy=noisy), price.clamp(min=0))  # a KL is not negative, but rounding is


def floored_std(var: Float[Tensor, " C"]) -> Float[Tensor, " C"]:
    """Standard deviations of channels with a floor: a constant channel would have a near-infinite price at its first
    other value.
    """
    return (torch.maximum(var, 1e-4 * var.mean()) + 1e-8).sqrt()


def noise_price(a: Float[Tensor, "*map"], power: Float[Tensor, "*map"], *, channels: int = 1) -> Float[Tensor, "*map"]:
    """KL( N(a fhat, (1-a)^2) || N(0,1) ) in nats for a in [0,1), summed over channels; ``power`` is sum_c fhat_c^2."""
    # (1-a)^2 - 1 - ln (1-a)^2, without the cancellation at small a
    cost = a * (a - 2) - 2 * torch.log1p(-a)
    return 0.5 * (a.square() * power + channels * cost)


def _standard_normal(like: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """Draws in float32, in the memory order of ``like``: torch's fast generator needs contiguous tensors, and the slow
    path took a sixth of a training step.
    """
    if like.is_contiguous(memory_format=torch.channels_last):
        return torch.randn_like(like.permute(0, 2, 3, 1), dtype=torch.float32).permute(0, 3, 1, 2)
    return torch.randn_like(like, dtype=torch.float32)
