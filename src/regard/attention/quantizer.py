"""Quantizers: a continuous map -> a map of few values.

``AnchorQuantizer``: every position takes the nearest of Q learned values (Lai et al., IJCAI 2021, section 3.3).

    a_q = nearest anchor of a,   forward value a_q
    d loss / d a      = d loss / d a_q                                             (straight-through)
    d loss / d anchor = g sum over its positions of d loss / d a_q,   g = 1 / sqrt(h w (Q - 1))

The nearest of sorted anchors is found between midpoints, so no tensor has a Q axis and the layer exports to ONNX.
The second gradient and its scale are those of Esser et al., *Learned Step Size Quantization*, ICLR 2020, for anchors in
place of steps: an anchor collects the gradients of all its positions, and g keeps its steps in proportion to those of
one value. With ``task_gradient=False`` anchors learn from the codebook loss alone (see
``regard.objectives.anchor_losses``), as in the paper; a learning rate of zero (``anchors_lr``) freezes them. Caveat:
rounding to Q = 20 anchors changes ``1 + a`` by about one percent, so they have next to nothing to learn; take Q of 2 to
5. Anchors are sorted and clamped in the forward, so they are in order and inside [0, upper] whatever an optimiser does
to the parameter.

``expected_code_length``: nats for sending the anchor indices under a prior r that all positions share.

    P_k = Phi((t_{k+1} - mu)/sd) - Phi((t_k - mu)/sd),   L = sum_positions sum_k P_k (-ln r_k)

t are the midpoints between anchors, with -inf and +inf at the ends. A hard index has no gradient and the cell
probabilities have one, so the expectation is trained and the length of the hard indices is reported.

``TopShare``: the k highest positions of every map are open, all others closed.

    a_i = upper where rank(a_i) <= k, else 0,   k = max(1, round(share N)),   gradient of a_i - mean(a)

Compared with a price on open positions, which all images pay together (some keep everything, others nothing), every
image keeps the same share, random or not, and only the order of values decides which. Caveat: the gradient sums to zero
over a map, since raising all values alike changes no order; a closed position has no gradient of its own and reopens
only when a random map (``initial_std``) tries it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.types import RegardError


class Quantized(NamedTuple):
    """Map with straight-through gradient and the index of each anchor, both shaped like the input."""

    map: Float[Tensor, "*shape"]
    nearest: Int[Tensor, "*shape"]


class AnchorQuantizer(nn.Module):
    """One codebook of Q scalar anchors for all positions.

    Args:
        levels: Q >= 2.
        upper: largest value of an anchor.
        pinned: keep the first anchor at exactly zero.
        task_gradient: whether anchors learn from whatever the map does, besides the codebook loss.

    Raises:
        RegardError: fewer than 2 levels.
    """

    def __init__(self, levels: int, *, upper: float = 1.0, pinned: bool = False, task_gradient: bool = True) -> None:
        super().__init__()
        if levels < 2:
            raise RegardError(f"anchors={levels}: a quantizer needs at least 2 levels")
        self.levels, self.upper, self.pinned, self.task_gradient = levels, upper, pinned, task_gradient
        self.raw = nn.Parameter(torch.empty(levels - pinned))
        self.prior_logits = nn.Parameter(torch.empty(levels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Anchors evenly spaced over [0, upper], as in the paper; a uniform prior."""
        with torch.no_grad():
            self.raw.copy_(torch.linspace(0, self.upper, self.levels)[int(self.pinned) :])
            self.prior_logits.zero_()

    @property
    def anchors(self) -> Float[Tensor, " Q"]:
        """The codebook in ascending order, inside [0, upper]; differentiable."""
        # The bracket is exactly zero: the value is clamped without rounding, the gradient is that of ``raw``.
        inside = self.raw.detach().clamp(0, self.upper) + (self.raw - self.raw.detach())
        ordered = inside.sort().values
        return torch.cat([ordered.new_zeros(1), ordered]) if self.pinned else ordered

    @property
    def log_prior(self) -> Float[Tensor, " Q"]:
        """Log probability of each anchor under the prior that all positions share."""
        return self.prior_logits.log_softmax(0)

    def forward(self, a: Float[Tensor, "*shape"], anchors: Float[Tensor, " Q"]) -> Quantized:
        """Nearest of ``anchors``; a value halfway between two takes the lower."""
        fixed = anchors.detach()
        index = torch.bucketize(a.detach(), midpoints(fixed))
        learned = fixed
        if self.task_gradient:
            scale = (a.shape[-2:].numel() * (self.levels - 1)) ** -0.5
            learned = fixed + scale * (anchors - fixed)  # the bracket is zero: it carries only the gradient
        return Quantized(learned[index] + (a - a.detach()), index)


def midpoints(anchors: Float[Tensor, " Q"]) -> Float[Tensor, " Q-1"]:
    """Boundaries between the cells of neighbouring anchors."""
    return (anchors[1:] + anchors[:-1]) / 2


def expected_code_length(
    mean: Float[Tensor, "B 1 h w"],
    std: Float[Tensor, "B 1 h w"],
    boundaries: Float[Tensor, " Q-1"],
    log_prior: Float[Tensor, " Q"],
) -> Float[Tensor, " B"]:
    """Expected code length of a random map, nats per map (B,); differentiable in ``mean`` and ``std``.

    Summed by parts over the boundaries, ``sum_k P_k c_k = c_0 + sum_k (c_k - c_{k-1}) Phi((mu - t_k)/sd)``, so no
    tensor has a Q axis. The derivatives are accumulated in the same loop: left to autograd, every boundary would keep
    maps of its own for the backward pass, and memory would grow with Q.
    """
    cost = -log_prior.detach()
    m, s = mean.detach(), std.detach().clamp(min=1e-6)  # training drives std towards zero, where u would be 0 / 0
    length, by_mean, by_std = cost[0].expand_as(m), torch.zeros_like(m), torch.zeros_like(m)
    for k in range(len(boundaries)):
        u = (m - boundaries[k].detach()) / s
        rise = cost[k + 1] - cost[k]
        slope = rise * torch.exp(-0.5 * u.square()) / (math.sqrt(2 * math.pi) * s)
        length, by_mean, by_std = length + rise * torch.special.ndtr(u), by_mean + slope, by_std - slope * u
    # Both brackets are zero: they carry only the gradient.
    return (length + by_mean * (mean - m) + by_std * (std - s)).flatten(1).sum(1)


class TopShare(nn.Module):
    """Maps (...,h,w) -> ``upper`` at the k highest positions of each, 0 at all others.

    Args:
        share: of positions that stay open, in (0,1]; at least one position does.
        upper: value of an open position.

    Raises:
        RegardError: a share outside (0,1].
    """

    def __init__(self, share: float, *, upper: float = 1.0) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise RegardError(f"keep={share}: the share of positions that stay open is above 0 and at most 1")
        self.share, self.upper = share, upper

    def count(self, positions: int) -> int:
        """K for a map of so many positions."""
        return max(1, round(self.share * positions))

    def forward(self, a: Float[Tensor, "*maps h w"]) -> Float[Tensor, "*maps h w"]:
        """Open and closed positions; of equal values the first, in row-major order, are open."""
        values = a.flatten(-2)
        order = values.detach().argsort(dim=-1, descending=True, stable=True)
        opened = torch.zeros_like(values).scatter(-1, order[..., : self.count(values.shape[-1])], self.upper)
        centred = values - values.mean(-1, keepdim=True)
        return (opened + (centred - centred.detach())).view_as(a)
