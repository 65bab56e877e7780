"""Fixations as maps: counts, Gaussian densities, the centre prior."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from regard.gaze.fixations import Fixations
from regard.types import RegardError

TRUNCATE = 4.0
UNIFORM = 0.01


def fixation_counts(fixations: Fixations, *, grid: tuple[int, int]) -> Tensor:
    """How many fixations fell on each pixel, over all images, each scaled to ``grid``: (1,1,h,w), whole numbers.

    What the shuffled AUC takes as ``others``. Coordinates are floored after scaling.
    """
    h, w = grid
    scaled = fixations.rescale(grid)
    cell = scaled.y.astype(np.int64) * w + scaled.x.astype(np.int64)
    return torch.from_numpy(np.bincount(cell, minlength=h * w).astype(np.int32)).reshape(1, 1, h, w)


def density(points: Tensor, *, size: tuple[int, int], sigma: float, weights: Tensor | None = None) -> Tensor:
    """Gaussian density of fixations: sum over fixations of w_i N(pixel; fixated pixel, sigma^2), divided by its sum.

    The kernel ends at 4 sigma and is reflected at the borders, as scipy's gaussian_filter has it by default, so no
    mass is lost; it is exact, separable, and costs n (h + w) + n h w multiplications an image.

    Args:
        points: (B,n,2) x, y in pixels of the map, NaN beyond an image's last (``Fixations.points``).
        size: (h, w) of the map.
        sigma: pixels of the map; `sigma_pixels` converts degrees.
        weights: (B,n) not negative, such as durations (``Fixations.durations``); None counts each once. NaN counts 0.

    Returns:
        (B,1,h,w) float64, sums to 1; NaN for an image without fixations or of weight 0.
    """
    total = blur(points, size=size, sigma=sigma, weights=weights)
    return total / total.sum((-2, -1), keepdim=True)


def blur(points: Tensor, *, size: tuple[int, int], sigma: float, weights: Tensor | None = None) -> Tensor:
    """`density` before the division: sums to the number (or weight) of fixations, 0 where there is none."""
    if sigma <= 0:
        raise RegardError(f"sigma must be positive, not {sigma}: it is the kernel's standard deviation in pixels")
    h, w = size
    known = ~points.isnan().any(-1)
    cell = points.nan_to_num(0).floor().long()
    if ((cell < 0).any(-1) | (cell[..., 0] >= w) | (cell[..., 1] >= h)).any():
        raise RegardError(
            f"points lie outside of a map of {w}x{h}: rescale the fixations to it first (points(grid=...))"
        )
    weight = known.double() if weights is None else torch.where(known, weights.nan_to_num(0).double(), 0.0)
    if (weight < 0).any():
        raise RegardError("weights of fixations must not be negative")
    rows = kernel_matrix(h, sigma).to(points.device)[cell[..., 1]]  # (B,n,h)
    columns = kernel_matrix(w, sigma).to(points.device)[cell[..., 0]]  # (B,n,w)
    return ((rows * weight[..., None]).transpose(1, 2) @ columns)[:, None]


@lru_cache(maxsize=16)
def kernel_matrix(size: int, sigma: float) -> Tensor:
    """(size, size) float64: row i is a unit at i, blurred by a Gaussian and reflected at both ends; rows sum to 1."""
    radius = int(TRUNCATE * sigma + 0.5)
    offset = torch.arange(-radius, radius + 1)
    weight = torch.exp(-0.5 * (offset.double() / sigma) ** 2)
    weight = weight / weight.sum()
    # Reflection about the borders (d c b a | a b c d | d c b a) repeats with a period of twice the size.
    where = (torch.arange(size)[:, None] + offset) % (2 * size)
    where = torch.minimum(where, 2 * size - 1 - where)
    out = torch.zeros(size, size, dtype=torch.float64)
    return out.scatter_add_(1, where, weight.expand(size, -1))


def sigma_pixels(fixations: Fixations, *, degrees: float = 1.0) -> float:
    """Pixels that ``degrees`` of visual angle span; about one degree is the fovea's blur, the usual sigma.

    Raises:
        RegardError: pixels per degree are unknown.
    """
    if fixations.pixels_per_degree is None:
        raise RegardError(
            "pixels per degree of these fixations are unknown: give them to the reader, or give sigma in pixels"
        )
    return degrees * fixations.pixels_per_degree


def center_prior(fixations: Fixations, *, grid: tuple[int, int], sigma: float) -> Tensor:
    """Where people look whatever the image: the density of all fixations, each scaled to the grid; (1,1,h,w), sum 1.

    Take the fixations of the train split; `center_priors` leaves out each image's own instead.

    Raises:
        RegardError: no fixations.
    """
    if len(fixations) == 0:
        raise RegardError("a centre prior needs fixations: the table is empty")
    total = _smooth(fixation_counts(fixations, grid=grid), sigma)
    return total / total.sum()


def center_priors(fixations: Fixations, *, grid: tuple[int, int], sigma: float) -> CenterPriors:
    """Centre priors that leave out the image's own fixations."""
    return CenterPriors(fixations.points(grid=grid), _smooth(fixation_counts(fixations, grid=grid), sigma), sigma)


class CenterPriors:
    """For image b the density of all other images' fixations, computed when asked for: ``priors[b]`` is (1,1,h,w)."""

    def __init__(self, points: Tensor, total: Tensor, sigma: float) -> None:
        self.points, self.total, self.sigma = points, total, sigma

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, b: int) -> Tensor:
        own = blur(self.points[b : b + 1], size=(self.total.shape[-2], self.total.shape[-1]), sigma=self.sigma)
        rest = (self.total - own).clamp(min=0)
        return rest / rest.sum()


def _smooth(counts: Tensor, sigma: float) -> Tensor:
    h, w = counts.shape[-2:]
    return kernel_matrix(h, sigma).T @ counts.double() @ kernel_matrix(w, sigma)


def nowhere_zero(density: Tensor) -> Tensor:
    """A density (1,1,h,w) that sums to 1, UNIFORM of it made uniform: no fixation is impossible."""
    return (1 - UNIFORM) * density + UNIFORM / density.numel()
