"""Learnable anchors: a map takes one of Q values (Lai et al., IJCAI 2021, section 3.3).

    a_q = nearest anchor of a,   forward value a_q, gradient of a (straight-through)

The nearest of sorted anchors is found between midpoints, so no tensor has a Q axis and the layer exports to ONNX.
Anchors learn from the codebook loss alone (see ``objectives.anchors``); sorting and clamping happen on the way in, so
they are ordered and inside [0, upper] whatever an optimiser does to the parameter.
"""

from __future__ import annotations

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
