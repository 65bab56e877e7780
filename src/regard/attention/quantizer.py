"""Learnable anchors: a map takes one of Q values (Lai et al., IJCAI 2021, section 3.3).

    a_q = nearest anchor of a,   forward value a_q, gradient of a (straight-through)

The nearest of sorted anchors is found between midpoints, so no tensor has a Q axis and the layer exports to ONNX.
Anchors learn from the codebook loss alone (see ``objectives.anchors``); sorting and clamping happen on the way in, so
they are ordered and inside [0, upper] whatever an optimiser does to the parameter.

The map's own code length: what it costs to send the anchor indices under a prior that all positions share.

    P_k = Phi((t_{k+1} - mu)/sd) - Phi((t_k - mu)/sd),   L = sum_positions sum_k P_k (-ln r_k)

t are the midpoints between anchors, with -inf and +inf at the ends. A hard index has no gradient; the cell
probabilities have one, so this is what is trained, and the length of the hard indices is what is reported.

The same share of every map stays open: its highest values; all other positions are closed.

    a_i = upper where rank(a_i) <= k, else 0,   k = max(1, round(share N)),   gradient of a_i - mean(a)

A price on open positions is paid by all images together: some keep everything, others nothing, and means that lie just
below a boundary open by chance. Here every image keeps as many as every other, whether its map is random or the mean,
and only the order of values decides which. The gradient therefore adds up to zero over a map: what would raise or lower
all values alike changes no order. Closed positions have no gradient of their own; they fall as open ones are worth
keeping, rise as they are not, and come back as random maps, with ``initial_std``, try them.
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
        upper: largest value that an anchor may have.
        pinned: keep the first anchor at exactly zero.
    """

    def __init__(self, levels: int, *, upper: float = 1.0, pinned: bool = False) -> None:
        super().__init__()
        if levels < 2:
            raise RegardError(f"anchors={levels}: a quantizer needs at least 2 levels")
        self.levels, self.upper, self.pinned = levels, upper, pinned
        self.raw = nn.Parameter(torch.empty(levels - pinned))
        self.prior_logits = nn.Parameter(torch.empty(levels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Anchors evenly over [0, upper], as the paper has them; a uniform prior."""
        with torch.no_grad():
            self.raw.copy_(torch.linspace(0, self.upper, self.levels)[int(self.pinned) :])
            self.prior_logits.zero_()

    @property
    def anchors(self) -> Float[Tensor, " Q"]:
        """The codebook in ascending order, inside [0, upper]; differentiable."""
        # The bracket is exactly zero, so that a value far outside lands on the bound itself, not a rounding beside it.
        inside = self.raw.detach().clamp(0, self.upper) + (self.raw - self.raw.detach())
        ordered = inside.sort().values
        return torch.cat([ordered.new_zeros(1), ordered]) if self.pinned else ordered

    @property
    def log_prior(self) -> Float[Tensor, " Q"]:
        """Log probability of each anchor under the prior that all positions share."""
        return self.prior_logits.log_softmax(0)

    def forward(self, a: Float[Tensor, "*shape"], anchors: Float[Tensor, " Q"]) -> Quantized:
        """Nearest of ``anchors``; a value halfway between two takes the lower."""
        index = torch.bucketize(a.detach(), midpoints(anchors.detach()))
        return Quantized(anchors.detach()[index] + (a - a.detach()), index)


def midpoints(anchors: Float[Tensor, " Q"]) -> Float[Tensor, " Q-1"]:
    """Where the nearest anchor changes."""
    return (anchors[1:] + anchors[:-1]) / 2


def expected_code_length(
    mean: Float[Tensor, "B 1 h w"],
    std: Float[Tensor, "B 1 h w"],
    boundaries: Float[Tensor, " Q-1"],
    log_prior: Float[Tensor, " Q"],
) -> Float[Tensor, " B"]:
    """Expected code length of a random map, nats a map (B,); differentiable in ``mean`` and ``std``.

    Summed by parts over the boundaries, ``sum_k P_k c_k = c_0 + sum_k (c_k - c_{k-1}) Phi((mu - t_k)/sd)``, so that no
    tensor gets a Q axis. The derivatives are summed along the way: recorded for the backward pass, every boundary would
    keep maps of its own, and memory would grow with Q.
    """
    cost = -log_prior.detach()
    m, s = mean.detach(), std.detach().clamp(min=1e-6)  # a price drives std towards zero, where 0 / 0 waits
    length, by_mean, by_std = cost[0].expand_as(m), torch.zeros_like(m), torch.zeros_like(m)
    for k in range(len(boundaries)):
        u = (m - boundaries[k].detach()) / s
        rise = cost[k + 1] - cost[k]
        slope = rise * torch.exp(-0.5 * u.square()) / (math.sqrt(2 * math.pi) * s)
        length, by_mean, by_std = length + rise * torch.special.ndtr(u), by_mean + slope, by_std - slope * u
    # Both brackets are zero: they carry the gradient alone.
    return (length + by_mean * (mean - m) + by_std * (std - s)).flatten(1).sum(1)


class TopShare(nn.Module):
    """Maps (...,h,w) -> ``upper`` at the k highest positions of each, 0 at all others.

    Args:
        share: of positions that stay open, above 0 and at most 1; at least one position does.
        upper: what an open position is.

    Raises:
        RegardError: a share that is none.
    """

    def __init__(self, share: float, *, upper: float = 1.0) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise RegardError(f"keep={share}: the share of positions that stay open lies above 0 and is at most 1")
        self.share, self.upper = share, upper

    def count(self, positions: int) -> int:
        """How many of so many positions stay open."""
        return max(1, round(self.share * positions))

    def forward(self, a: Float[Tensor, "*maps h w"]) -> Float[Tensor, "*maps h w"]:
        """Of equal values the first, row by row, stay."""
        values = a.flatten(-2)
        order = values.detach().argsort(dim=-1, descending=True, stable=True)
        open_ = torch.zeros_like(values).scatter(-1, order[..., : self.count(values.shape[-1])], self.upper)
        centred = values - values.mean(-1, keepdim=True)
        return (open_ + (centred - centred.detach())).view_as(a)
