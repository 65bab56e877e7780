"""The mask gate, f' = f a: content at a position with a = 0 cannot change the output, except through the map's shape.

Caveat: only zero excludes. Any normalisation after the gate undoes a map that is merely small, so a penalty on the
map's size is no price and this gate has none.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.gates import Gated


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
