"""Simulated fixations, for tests and generated studies: of an object in an image, and of an object that moves.

* `simulated_gaze`: each fixation lies, with probability .7, at a random pixel of the object's mask, moved by a Gaussian
  of .03 image sides (tracker error); else at a Gaussian of .22 sides about the middle of the image (centre bias).
* `simulated_pursuit`: observers follow a moving object with a delay, an offset and scatter, and lapses.

Results on them show that a study can find an effect, and nothing about people.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.random_counter import uniforms
from regard.gaze import Fixations

STATIC_FIXATIONS = 4
"""Fixations per observer of an image."""
_ON, _JITTER, _SPREAD = 0.7, 0.03, 0.22
MOVING_OBSERVERS = 6
"""Observers per split of clips; none observes two splits."""
MOVING_FIXATIONS = 3
"""Fixations per observer of a clip."""
LAG, _BIAS, _NOISE, _LAPSES = 2.0, 0.02, 0.05, 0.1
"""Largest delay in frames; standard deviations of an observer's offset and scatter as shares of the frame's side; share
of fixations at a random place."""
_STREAM = 320


def simulated_gaze(masks: Bool[Tensor, "N 1 H W"], *, observers: int, seed: int, stream: int) -> Fixations:
    """Fixations of ``observers`` observers (at least 1) on the images, which are named by their number.

    Fixations on image i are a function of the object's mask and of (seed, stream, i); on images without an object they
    lie about the middle. Further observers leave the others as they are. Each split has its own ``stream``.
    """
    count, (height, width) = len(masks), (masks.shape[-2], masks.shape[-1])
    count_each = observers * STATIC_FIXATIONS
    u = uniforms(torch.arange(count), 6 * count_each, seed=seed, stream=stream).view(count, count_each, 6)
    flat = masks.flatten(1).double()
    area = flat.sum(1, keepdim=True)
    pixel = torch.searchsorted(flat.cumsum(1), u[..., 0].double() * area, right=True).clamp_max(height * width - 1)
    on = torch.stack([pixel % width + u[..., 1], pixel // width + u[..., 2]], -1)
    shape = torch.tensor([width, height])
    gaussian = _gaussian(u[..., 3], u[..., 4])
    own = (u[..., 5] < _ON) & (area > 0)
    points = torch.where(own[..., None], on + _JITTER * shape * gaussian, shape * (0.5 + _SPREAD * gaussian))
    points = torch.minimum(points.clamp_min(0), shape - 1e-3).double()
    who = np.tile(np.repeat(np.arange(observers), STATIC_FIXATIONS), count)
    return Fixations(
        image=np.repeat(np.arange(count), count_each),
        subject=who,
        x=points[..., 0].flatten().numpy().copy(),
        y=points[..., 1].flatten().numpy().copy(),
        order=np.tile(np.arange(STATIC_FIXATIONS), count * observers),
        duration=np.full(count * count_each, np.nan),
        images=tuple(str(k) for k in range(count)),
        sizes=np.tile(np.array([height, width], dtype=np.int64), (count, 1)),
        subjects=tuple(str(k) for k in range(observers)),
    )


def simulated_pursuit(
    start: Float[Tensor, "B 2"],
    velocity: Float[Tensor, "B 2"],
    index: Int[Tensor, " B"],
    *,
    size: int,
    seed: int,
    stream: int,
) -> Float[Tensor, "B M 2"]:
    """`MOVING_FIXATIONS` fixations of each of `MOVING_OBSERVERS` observers, x, y in pixels; NaN outside of the frame.

    Every observer has a delay and an offset, and fixates where the object was before that delay; a tenth of the
    fixations lie anywhere. ``start`` is the object's centre in the observed frame, ``velocity`` is in pixels per frame,
    ``index`` (of the clips) is the key of their randomness, ``stream`` gives each split its own observers.
    """
    traits = uniforms(torch.arange(MOVING_OBSERVERS), 3, seed=seed, stream=_STREAM + 10 * stream)
    delay, offset = LAG * traits[:, 0], _BIAS * size * _normal(traits[:, 1:])
    u = uniforms(index, MOVING_OBSERVERS * MOVING_FIXATIONS * 5, seed=seed, stream=_STREAM + 10 * stream + 1)
    u = u.view(len(index), MOVING_OBSERVERS, MOVING_FIXATIONS, 5)
    delayed = start[:, None] - delay[:, None] * velocity[:, None]
    points = (delayed + offset)[:, :, None] + _NOISE * size * _normal(u[..., :2])
    points = torch.where(u[..., 4:] < _LAPSES, u[..., 2:4] * size, points).flatten(1, 2)
    inside = ((points >= 0) & (points < size)).all(-1, keepdim=True)
    return torch.where(inside, points, torch.nan)


def _normal(u: Tensor) -> Tensor:
    return torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))


def _gaussian(u: Float[Tensor, "N n"], v: Float[Tensor, "N n"]) -> Float[Tensor, "N n 2"]:
    """Two standard normal numbers from two uniforms in [0,1) (Box and Muller 1958)."""
    radius = (-2 * (1 - u).log()).sqrt()
    return torch.stack([radius * (2 * math.pi * v).cos(), radius * (2 * math.pi * v).sin()], -1)
