"""Simulated observers, who follow an object with their eyes as well as people can."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.counter import uniforms

OBSERVERS = 6
"""People a split; nobody looks at two splits."""
LOOKS = 3
"""Fixations each."""
LAG, BIAS, NOISE, LAPSES = 2.0, 0.02, 0.05, 0.1
"""At most so many frames behind; own offset and scatter, standard deviations as shares of the frame's side; and the
share of looks that are anywhere, however little there is to see."""
_STREAM = 320


def follow(
    start: Float[Tensor, "B 2"],
    velocity: Float[Tensor, "B 2"],
    index: Int[Tensor, " B"],
    *,
    size: int,
    seed: int,
    stream: int,
) -> Float[Tensor, "B M 2"]:
    """Where `OBSERVERS` people look, `LOOKS` times each one after the other, x and y in pixels; NaN beside the frame.

    Everybody has a delay and an offset of their own, and sees the object where it was that long ago; a tenth of the
    looks go astray.

    Args:
        start: where the object's centre is in the frame that is looked at.
        velocity: pixels a frame.
        index: of the clips, the key of their randomness.
        size: side of the frame in pixels.
        seed: of the set.
        stream: of the split: other people.
    """
    people = uniforms(torch.arange(OBSERVERS), 3, seed=seed, stream=_STREAM + 10 * stream)
    late, offset = LAG * people[:, 0], BIAS * size * _normal(people[:, 1:])
    u = uniforms(index, OBSERVERS * LOOKS * 5, seed=seed, stream=_STREAM + 10 * stream + 1)
    u = u.view(len(index), OBSERVERS, LOOKS, 5)
    seen = start[:, None] - late[:, None] * velocity[:, None]
    looked = (seen + offset)[:, :, None] + NOISE * size * _normal(u[..., :2])
    looked = torch.where(u[..., 4:] < LAPSES, u[..., 2:4] * size, looked).flatten(1, 2)
    inside = ((looked >= 0) & (looked < size)).all(-1, keepdim=True)
    return torch.where(inside, looked, torch.nan)


def _normal(u: Tensor) -> Tensor:
    return torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))
