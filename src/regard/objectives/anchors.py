"""What anchors learn from (Lai et al., IJCAI 2021, equation 9, and released code).

    codebook    || sg[a] - a_q ||^2     moves the anchors to the map
    commitment  || a - sg[a_q] ||^2     moves the map to the anchors
    prior       - ln r(index)           fits the prior that the map's code length is measured under

All three are averaged over samples, images and positions, so their weights do not depend on the map's size.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from regard.types import AttentionOutput


class AnchorLosses(NamedTuple):
    """Each a scalar; codebook and commitment in squared map units, prior in nats a position."""

    codebook: Float[Tensor, ""]
    commitment: Float[Tensor, ""]
    prior: Float[Tensor, ""]


def anchor_losses(attention: AttentionOutput) -> AnchorLosses | None:
    """The three losses of one attended layer; None without anchors, or where the caller gave the map."""
    if attention.anchors is None or attention.log_prior is None or attention.index is None:
        return None
    nearest = attention.anchors[attention.index]
    return AnchorLosses(
        codebook=(attention.raw.detach() - nearest).square().mean(),
        commitment=(attention.raw - nearest.detach()).square().mean(),
        prior=-attention.log_prior[attention.index].mean(),
    )
