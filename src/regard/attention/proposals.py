"""What a map proposal is: features in, the distribution of a spatial map out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MapDistribution:
    """An independent Gaussian at every position; a deterministic map where ``std`` is None.

    Attributes:
        mean: (B,1,h,w) in [0,1].
        std: (B,1,h,w) > 0, or None.
    """

    mean: Float[Tensor, "B 1 h w"]
    std: Float[Tensor, "B 1 h w"] | None = None

    def sample(self, samples: int) -> Float[Tensor, "S B 1 h w"]:
        """Reparametrised draws ``mean + std * eps``, unclamped (S,B,1,h,w)."""
        repeated = self.mean.expand(samples, *self.mean.shape)
        return repeated if self.std is None else repeated + self.std * torch.randn_like(repeated)


class Proposal(Protocol):
    """features (B,C,H,W) -> MapDistribution on the features' grid."""

    def __call__(self, features: Float[Tensor, "B C H W"]) -> MapDistribution:
        """The distribution of the map (B,1,H,W)."""
        ...
