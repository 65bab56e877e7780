"""What every mechanism does alike: features repeated over samples, and a map from outside brought to their grid."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from regard.types import Map, RegardError


def repeated(features: Float[Tensor, "B C H W"], S: int) -> Float[Tensor, "SB C H W"]:
    """Features once a sample, sample-major."""
    return features if S == 1 else features.expand(S, *features.shape).flatten(0, 1)


def given_map(given: Float[Tensor, "... 1 h w"], shape: tuple[int, int, int, int]) -> Float[Tensor, "S B 1 H W"]:
    """A map (1,h,w), (B,1,h,w) or (S,B,1,h,w), where S and B may be 1, for ``shape`` (S,B,H,W); float32.

    Raises:
        RegardError: a map of another shape.
    """
    S, B, H, W = shape
    maps = given[(None,) * (5 - given.ndim)]
    if maps.ndim != 5 or maps.shape[0] not in (1, S) or maps.shape[1] not in (1, B) or maps.shape[2] != 1:
        raise RegardError(f"given map {tuple(given.shape)}: (1,h,w), ({B},1,h,w) or ({S},{B},1,h,w) was expected")
    flat = Map(maps.flatten(0, 1).float(), "gate").resize((H, W)).values
    return flat.reshape(*maps.shape[:2], 1, H, W).expand(S, B, 1, H, W)
