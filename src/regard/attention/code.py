"""The map's own code length: what it costs to send the anchor indices under a prior that all positions share.

    P_k = Phi((t_{k+1} - mu)/sd) - Phi((t_k - mu)/sd),   L = sum_positions sum_k P_k (-ln r_k)

t are the midpoints between anchors, with -inf and +inf at the ends. A hard index has no gradient; the cell
probabilities have one, so this is what is trained, and the length of the hard indices is what is reported.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


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
