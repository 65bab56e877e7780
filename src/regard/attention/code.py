"""The map's own code length: what it costs to send the anchor indices under a prior that all positions share.

    P_k = Phi((t_{k+1} - mu)/sd) - Phi((t_k - mu)/sd),   L = sum_positions sum_k P_k (-ln r_k)

t are the midpoints between anchors, with -inf and +inf at the ends. A hard index has no gradient; the cell
probabilities have one, so this is what is trained, and the length of the hard indices is what is reported.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def expected_code_length(
    mean: Float[Tensor, "B 1 h w"],
    std: Float[Tensor, "B 1 h w"],
    boundaries: Float[Tensor, " Q-1"],
    log_prior: Float[Tensor, " Q"],
) -> Float[Tensor, " B"]:
    """Expected code length of a random map, nats a map (B,).

    Summed by parts over the boundaries, ``sum_k P_k c_k = c_0 + sum_k (c_k - c_{k-1}) (1 - Phi_k)``, so that no tensor
    gets a Q axis.
    """
    cost = -log_prior
    total = cost[0].expand_as(mean)
    for k in range(len(boundaries)):
        above = torch.special.ndtr((mean - boundaries[k]) / std)
        total = total + (cost[k + 1] - cost[k]) * above
    return total.flatten(1).sum(1)
