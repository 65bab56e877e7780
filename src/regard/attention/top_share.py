"""The same share of every map stays open: its highest values; all other positions are closed.

    a_i = upper where rank(a_i) <= k, else 0,   k = max(1, round(share N)),   gradient of a_i - mean(a)

A price on open positions is paid by all images together: some keep everything, others nothing, and means that lie just
below a boundary open by chance. Here every image keeps as many as every other, whether its map is random or the mean,
and only the order of values decides which. The gradient therefore adds up to zero over a map: what would raise or lower
all values alike changes no order. Closed positions have no gradient of their own; they fall as open ones are worth
keeping, rise as they are not, and come back as random maps, with ``initial_std``, try them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.types import RegardError


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
