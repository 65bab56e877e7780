"""The paper's gate, f' = f (1 + a) (Lai et al., IJCAI 2021, released code).

Caveat: it never excludes anything. Background falls to 1x against 2x, so nothing that is said of the map says that a
position was not used.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.gates import Gated


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
