"""What a gate is: features and a map in, modulated features and the price of each position out.

*Excluded* means: where the map is zero, the features of that position cannot change what the gate returns; which map it
is may depend on them. In evaluation this holds exactly for the mask and the noise gate. In training it holds exactly
for the mask gate; the noise gate first takes the batch, closed positions too, into the running channel statistics that
it puts in a closed position's place (without a gradient). A context head normalises by batch statistics in training, so
that there the map of one image depends on the others; in evaluation it depends on its own image alone.

The paper's gate, f' = f (1 + a) (Lai et al., IJCAI 2021, released code).

Caveat: it never excludes anything. Background falls to 1x against 2x, so nothing that is said of the map says that a
position was not used.

The mask gate, f' = f a: content at a position with a = 0 cannot change the output, except through the map's shape.

Caveat: only zero excludes. Any normalisation after the gate undoes a map that is merely small, so a penalty on the
map's size is no price and this gate has none.

The noise gate: what is not attended is replaced by noise, so that every position has a price in bits.

    f' = a f + (1 - a) (mu_c + sigma_c eps),   eps ~ N(0,1)
    price = sum_c 1/2 [ (1-a)^2 + a^2 fhat_c^2 - 1 - ln (1-a)^2 ],   fhat = (f - mu) / sigma

The price is KL( N(a fhat, (1-a)^2) || N(0,1) ), the bound of *Restricting the Flow: Information Bottlenecks for
Attribution* (Schulz et al., ICLR 2020, equations 5 to 7), trained with the network here instead of fitted to one image.
mu_c and sigma_c are running statistics, so that shrinking the features does not make them cheaper.
Caveat: the bound takes channels and positions as independent, so it is loose where they are redundant.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Gated(NamedTuple):
    """Modulated features (N,C,H,W) and the price of every position (N,1,H,W) in nats, where the gate has one."""

    features: Float[Tensor, "N C H W"]
    price: Float[Tensor, "N 1 H W"] | None


class Gate(Protocol):
    """A gate and the interval of map values that it takes."""

    upper: float
    """Largest value that a learned map may have; a map given by the caller is not limited."""
    pinned: bool
    """Whether zero excludes a position, so that the quantizer pins its first anchor there."""
    unit_value: float
    """The map value at which the gate's multiplier is one, so that features pass unchanged."""

    def __call__(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Modulates features; without ``noisy`` nothing is random."""
        ...

    def observe(self, features: Float[Tensor, "B C H W"]) -> None:
        """Sees the features of a training batch once, before they are expanded over samples."""


class ResidualGate(nn.Module):
    """f (1 + a); no price."""

    upper = 1.0
    pinned = False
    unit_value = 0.0

    def observe(self, features: Float[Tensor, "B C H W"]) -> None:
        """Nothing to learn from features."""

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Modulated features (N,C,H,W)."""
        return Gated(features + features * a.to(features.dtype), None)


class MaskGate(nn.Module):
    """f a; the quantizer pins its first anchor at zero."""

    upper = 1.0
    pinned = True
    unit_value = 1.0

    def observe(self, features: Float[Tensor, "B C H W"]) -> None:
        """Nothing to learn from features."""

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Modulated features (N,C,H,W)."""
        return Gated(features * a.to(features.dtype), None)


class NoiseGate(nn.Module):
    """a f + (1-a) noise, with the price of every position in nats.

    Args:
        channels: C of the features.
        delta: learned maps stay in [0, 1 - delta], since the price is infinite at one.
        momentum: of the running channel statistics.
    """

    pinned = True
    unit_value = 1.0

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
        """Updates the channel statistics: a cumulative average at first, exponential from 1/momentum batches on."""
        var, mean = torch.var_mean(features.float(), dim=(0, 2, 3), correction=0)
        self.batches += 1
        weight = (1 / self.batches).clamp(min=self.momentum)
        self.mean.lerp_(mean, weight)
        self.var.lerp_(var, weight)

    def forward(self, features: Float[Tensor, "N C H W"], a: Float[Tensor, "N 1 H W"], *, noisy: bool) -> Gated:
        """Modulated features (N,C,H,W) and price (N,1,H,W); without ``noisy``, eps is zero."""
        mean = self.mean[:, None, None]
        # a channel that was silent in training must not cost a fortune when it stirs
        var = torch.maximum(self.var, 1e-4 * self.var.mean())[:, None, None]
        std = (var + 1e-8).sqrt()
        standard = (features.float() - mean) / std
        power = standard.square().sum(1, keepdim=True)
        closed = 1 - a
        # (1-a)^2 - 1 - ln (1-a)^2, without the cancellation at small a
        cost = a * (a - 2) - 2 * torch.log1p(-a)
        price = 0.5 * (a.square() * power + features.shape[1] * cost)
        price = price.clamp(min=0)  # a KL is never negative; its rounding can be
        noise = mean + std * _standard_normal(standard) if noisy else mean
        mixed = a.to(features.dtype) * features + (closed * noise).to(features.dtype)
        return Gated(mixed, price)


def _standard_normal(like: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """Draws in the memory order of ``like``: torch's quick generator knows only contiguous tensors, and the other one
    took a sixth of a training step.
    """
    if like.is_contiguous(memory_format=torch.channels_last):
        return torch.randn_like(like.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return torch.randn_like(like)
