"""When a map is constant but for rounding: the one rule that every metric follows.

A map is constant where its largest and smallest values differ by no more than the rounding of the computations that
made it: about eight units in the last place of its own precision. In float32 that is 1e-6 of the larger magnitude, in
float64 2e-15, so that a float64 map such as ``0.1 + 1e-9 k`` varies, and a float32 map that resizing or a blur left at
``0.1 +- 1e-8`` does not. Half precision is computed in float32 and counts as such; whole numbers do not round.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Num, Shaped
from torch import Tensor

from regard.types import PerImage

_SHARE = 1e-6 / torch.finfo(torch.float32).eps


def rounding(dtype: torch.dtype) -> float:
    """Values of this type nearer to each other than this share of the larger magnitude are the same number.

    >>> rounding(torch.float32), rounding(torch.float16), rounding(torch.int64)
    (1e-06, 1e-06, 0.0)
    """
    if not dtype.is_floating_point:
        return 0.0
    return _SHARE * torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps


def same_number(low: Float[Tensor, "*n"], high: Float[Tensor, "*n"], dtype: torch.dtype) -> Bool[Tensor, "*n"]:
    """Whether finite values from ``low`` to ``high``, computed in ``dtype``, differ by rounding alone.

    >>> same_number(torch.tensor([0.1, 0.0]), torch.tensor([0.1 + 1e-8, 1e-30]), torch.float32).tolist()
    [True, False]
    """
    largest = low.abs().maximum(high.abs())
    return ((high - low) <= rounding(dtype) * largest) & largest.isfinite()


def constant(maps: Shaped[Tensor, "B ..."]) -> Bool[Tensor, " B"]:
    """Which maps have one value everywhere, but for rounding: they rank nothing, and have no variance.

    False where a value is not finite.

    >>> steps = 1e-9 * torch.arange(4.0, dtype=torch.float64).reshape(1, 1, 2, 2)
    >>> constant(0.1 + steps).tolist(), constant((0.1 + steps).float()).tolist()
    ([False], [True])
    """
    values = maps.detach().flatten(1)
    low, high = values.amin(1), values.amax(1)  # aminmax along a dimension takes six times as long
    if values.dtype not in (torch.float32, torch.float64):
        low, high = low.double(), high.double()
    return same_number(low, high, values.dtype)


def settled(maps: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 1 h w"]:
    """The maps, with exactly one value in those that are `constant`, so that nothing ranks their rounding."""
    flat = constant(maps)
    return torch.where(flat[:, None, None, None], maps[..., :1, :1], maps) if flat.any() else maps


def full_precision(values: Num[Tensor, "..."]) -> Float[Tensor, "..."]:
    """float64 as it is, everything else as float32."""
    return values if values.dtype == torch.float64 else values.float()


def wide(values: Tensor) -> Tensor:
    """float64 where the device has it, float32 on Apple's."""
    return values.to(torch.float32 if values.device.type == "mps" else torch.float64)


def dot(a: Float[Tensor, "B hw"], b: Float[Tensor, "B hw"]) -> PerImage:
    """Scalar product of each row with its like, without writing the products down."""
    return torch.bmm(a[:, None], b[..., None])[:, 0, 0]
