"""What a gate is: features and a map in, modulated features and the price of each position out.

*Excluded* means: where the map is zero, the features of that position cannot change what the gate returns; which map it
is may depend on them. In evaluation this holds exactly for the mask and the noise gate. In training it holds exactly
for the mask gate; the noise gate first takes the batch, closed positions too, into the running channel statistics that
it puts in a closed position's place (without a gradient). A context head normalises by batch statistics in training, so
that there the map of one image depends on the others; in evaluation it depends on its own image alone.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from jaxtyping import Float
from torch import Tensor


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
