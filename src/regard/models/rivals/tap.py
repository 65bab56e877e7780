"""A layer that is read and left as it is: how a readout gets at features in the middle of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import given_map, repeated
from regard.types import AttentionOutput


class Tap(nn.Module):
    """Features (B,C,H,W) unchanged; stands where an attention would.

    Its output's map is the given one, or else one everywhere; the readout puts its own there.
    """

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, given: Float[Tensor, "... 1 h w"] | None = None
    ) -> AttentionOutput:
        """The features, repeated over samples."""
        S, (B, _, H, W) = max(samples, 1), features.shape
        map = features.new_ones(S, B, 1, H, W) if given is None else given_map(given, (S, B, H, W))
        return AttentionOutput(repeated(features, S), map=map, mean=map.mean(0), raw=map)


@dataclass(frozen=True)
class Read:
    """What a readout makes of a network.

    Attributes:
        logits: class scores (S*B,n).
        attention: the tapped layers' outputs, with their maps.
    """

    logits: Float[Tensor, "SB n"]
    attention: tuple[AttentionOutput, ...]


class Readout(Protocol):
    """A classifier that reads layers in the middle of a network beside its last features."""

    def __call__(
        self, h: Float[Tensor, "SB width"], taps: tuple[AttentionOutput, ...], given: tuple[bool, ...]
    ) -> Read:
        """Class scores and maps.

        Args:
            h: what the network's own classifier would get.
            taps: outputs of the tapped layers, in the order in which they ran.
            given: whether the map of each was given by the caller.
        """
        ...
