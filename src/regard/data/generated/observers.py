"""Simulated fixations on an object: what stands for people where nobody has looked, in tests and generated studies.

Each of the fixations of an observer lies, with probability `ON`, at a random pixel of the object's mask, moved by a
Gaussian of `JITTER` image sides, as an eye tracker errs; else at a Gaussian of `_SPREAD` sides about the middle of the
image, where people look whatever there is. It says how people could look if they looked for the object: what a study
finds on it shows that the study can find it, and nothing about people.

Simulated observers, who follow an object with their eyes as well as people can.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.random_counter import uniforms
from regard.gaze import Fixations

EACH = 4
"""Fixations an observer."""
ON, JITTER, _SPREAD = 0.7, 0.03, 0.22


def simulated_gaze(masks: Bool[Tensor, "N 1 H W"], *, observers: int, seed: int, stream: int) -> Fixations:
    """Fixations of so many observers on the images, which are named by their number.

    Those on image i are a function of its mask and of (seed, stream, i); more observers extend fewer.

    Args:
        masks: of the object; images without one are looked at in the middle.
        observers: at least 1.
        seed: decides where they look.
        stream: keeps splits apart.
    """
    count, (height, width) = len(masks), (masks.shape[-2], masks.shape[-1])
    looks = observers * EACH
    u = uniforms(torch.arange(count), 6 * looks, seed=seed, stream=stream).view(count, looks, 6)
    flat = masks.flatten(1).double()
    area = flat.sum(1, keepdim=True)
    pixel = torch.searchsorted(flat.cumsum(1), u[..., 0].double() * area, right=True).clamp_max(height * width - 1)
    on = torch.stack([pixel % width + u[..., 1], pixel // width + u[..., 2]], -1)
    shape = torch.tensor([width, height])
    gaussian = _gaussian(u[..., 3], u[..., 4])
    own = (u[..., 5] < ON) & (area > 0)
    points = torch.where(own[..., None], on + JITTER * shape * gaussian, shape * (0.5 + _SPREAD * gaussian))
    points = torch.minimum(points.clamp_min(0), shape - 1e-3).double()
    who = np.tile(np.repeat(np.arange(observers), EACH), count)
    return Fixations(
        image=np.repeat(np.arange(count), looks),
        subject=who,
        x=points[..., 0].flatten().numpy().copy(),
        y=points[..., 1].flatten().numpy().copy(),
        order=np.tile(np.arange(EACH), count * observers),
        duration=np.full(count * looks, np.nan),
        images=tuple(str(k) for k in range(count)),
        sizes=np.tile(np.array([height, width], dtype=np.int64), (count, 1)),
        subjects=tuple(str(k) for k in range(observers)),
    )


def _gaussian(u: Float[Tensor, "N n"], v: Float[Tensor, "N n"]) -> Float[Tensor, "N n 2"]:
    """Two standard normal numbers from two uniforms in [0,1) (Box and Muller 1958)."""
    radius = (-2 * (1 - u).log()).sqrt()
    return torch.stack([radius * (2 * math.pi * v).cos(), radius * (2 * math.pi * v).sin()], -1)


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
