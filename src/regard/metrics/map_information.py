"""How many bits a random map's values say of the image, position by position: what quantizing takes away, measured.

    I(A_p; X) = 1/N sum_i KL[ p(a_p | x_i) || 1/N sum_j p(a_p | x_j) ]

of values that are seen in cells between boundaries. With the boundaries of anchors it is what the quantized map says;
with a fine grid what the continuous one does. Cells that are joined can only lose (data processing).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError

FINE = 1024
"""Cells of [0,1] that stand for a continuous map."""


def map_information(
    mean: Float[Tensor, "N 1 h w"], std: Float[Tensor, "N 1 h w"], boundaries: Float[Tensor, " K"] | None = None
) -> Float[Tensor, " N"]:
    """Information of the map's values about the image, summed over positions, nats; an image's share of it (N,).

    The mean over images is that of each position alone, added up: an upper bound on I(A;X), since positions that say
    the same are counted each. At most ln N a position. Float64.

    Args:
        mean: of the Gaussian at every position, of all images that are told apart.
        std: its standard deviation.
        boundaries: where one value ends and the next begins, ascending; by default of 1,024 equal cells in [0,1].

    Raises:
        RegardError: fewer than two images.

    >>> apart = torch.tensor([0.2, 0.8]).view(2, 1, 1, 1)
    >>> told = map_information(apart, torch.full_like(apart, 0.01), torch.tensor([0.5]))  # two images told apart
    >>> round(told.mean().item() / 0.6931, 3)  # are one bit
    1.0
    """
    if len(mean) < 2:
        raise RegardError(f"map_information: {len(mean)} images; it compares each with others, so give at least two")
    if boundaries is None:
        boundaries = torch.linspace(0, 1, FINE + 1, device=mean.device)[1:-1]
    edges = boundaries.double()
    total = torch.zeros(len(mean), dtype=torch.float64, device=mean.device)
    for m, s in zip(mean.flatten(1).double().T, std.flatten(1).double().T, strict=True):
        below = torch.special.ndtr((edges - m[:, None]) / s[:, None])
        cells = torch.cat([below[:, :1], below.diff(dim=1), 1 - below[:, -1:]], 1)
        total += (torch.xlogy(cells, cells) - torch.xlogy(cells, cells.mean(0))).sum(1)
    return total
