"""Fixations as maps: counts, Gaussian densities, the centre prior, and the width of the kernel.

The kernel's sigma is given in pixels: one degree of visual angle is the usual choice (`sigma_pixels`), or the value
under which observers predict each other best (`cross_validated_sigma`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from regard.gaze.fixations import Fixations
from regard.types import RegardError

_TRUNCATE = 4.0  # the kernel ends at this many sigma
_UNIFORM_SHARE = 0.01
_ROUNDING = 1e-12


def fixation_counts(fixations: Fixations, *, grid: tuple[int, int]) -> Tensor:
    """Number of fixations on each pixel, over all images, each scaled to ``grid``: (1,1,h,w), whole numbers.

    The shuffled AUC takes it as ``others``. Coordinates are floored after scaling.
    """
    h, w = grid
    scaled = fixations.rescale(grid)
    cell = scaled.y.astype(np.int64) * w + scaled.x.astype(np.int64)
    return torch.from_numpy(np.bincount(cell, minlength=h * w).astype(np.int32)).reshape(1, 1, h, w)


def density(points: Tensor, *, size: tuple[int, int], sigma: float, weights: Tensor | None = None) -> Tensor:
    """Gaussian density of fixations: sum over fixations of w_i N(pixel; fixated pixel, sigma^2), divided by its sum.

    The kernel ends at 4 sigma and is reflected at the borders (the default of scipy's gaussian_filter), so no mass
    is lost. The product is separable and exact: n (h + w) + n h w multiplications per image.

    >>> points = torch.tensor([[[2.5, 1.5], [3.0, 1.0]]])  # x, y of two fixations on one image
    >>> values = density(points, size=(4, 6), sigma=1.0)
    >>> tuple(values.shape), round(values.sum().item(), 6)
    ((1, 1, 4, 6), 1.0)

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
    valid = ~points.isnan().any(-1)
    cell = points.nan_to_num(0).floor().long()
    if ((cell < 0).any(-1) | (cell[..., 0] >= w) | (cell[..., 1] >= h)).any():
        raise RegardError(
            f"points lie outside of a map of {w}x{h}: rescale the fixations to it first (points(grid=...))"
        )
    weight = valid.double() if weights is None else torch.where(valid, weights.nan_to_num(0).double(), 0.0)
    if (weight < 0).any():
        raise RegardError("weights of fixations must not be negative")
    rows = _kernel_matrix(h, sigma).to(points.device)[cell[..., 1]]  # (B,n,h)
    columns = _kernel_matrix(w, sigma).to(points.device)[cell[..., 0]]  # (B,n,w)
    return ((rows * weight[..., None]).transpose(1, 2) @ columns)[:, None]


@lru_cache(maxsize=16)
def _kernel_matrix(size: int, sigma: float) -> Tensor:
    """(size, size) float64: row i is a unit at i, blurred by a Gaussian and reflected at both ends; rows sum to 1."""
    radius = int(_TRUNCATE * sigma + 0.5)
    offset = torch.arange(-radius, radius + 1)
    weight = torch.exp(-0.5 * (offset.double() / sigma) ** 2)
    weight = weight / weight.sum()
    # Reflection about the borders (d c b a | a b c d | d c b a) repeats with a period of twice the size.
    target = (torch.arange(size)[:, None] + offset) % (2 * size)
    target = torch.minimum(target, 2 * size - 1 - target)
    out = torch.zeros(size, size, dtype=torch.float64)
    return out.scatter_add_(1, target, weight.expand(size, -1))


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
    """The density of all images' fixations, each scaled to the grid: (1,1,h,w), sums to 1.

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
    """For image b the density of all other images' fixations, computed on access: ``priors[b]`` is (1,1,h,w).

    NaN where no other image has a fixation.
    """

    def __init__(self, points: Tensor, total: Tensor, sigma: float) -> None:
        self.points, self.total, self.sigma = points, total, sigma

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, b: int) -> Tensor:
        own = blur(self.points[b : b + 1], size=(self.total.shape[-2], self.total.shape[-1]), sigma=self.sigma)
        rest = without(self.total, own)
        return rest / rest.sum()


def without(total: Tensor, own: Tensor) -> Tensor:
    """``total`` less ``own``, a part of it; 0 where nothing but rounding is left, which would rank pixels.

    The kernel ends where it is 1e-7 of its height, so that what really is left exceeds 1e-12 of the total.
    """
    rest = total - own
    return rest.masked_fill_(~(rest > _ROUNDING * total), 0.0)


def _smooth(counts: Tensor, sigma: float) -> Tensor:
    h, w = counts.shape[-2:]
    return _kernel_matrix(h, sigma).T @ counts.double() @ _kernel_matrix(w, sigma)


def mix_uniform(values: Tensor) -> Tensor:
    """99 % of a density (1,1,h,w) that sums to 1 and 1 % of the uniform one, so that no pixel has density 0."""
    return (1 - _UNIFORM_SHARE) * values + _UNIFORM_SHARE / values.numel()


@dataclass(frozen=True)
class Bandwidth:
    """Result of a cross-validation.

    Attributes:
        sigma: the best candidate, in image pixels.
        sigmas: the candidates.
        bits: for each, mean log2-likelihood of a fixation under the other observers', relative to the uniform density.
    """

    sigma: float
    sigmas: tuple[float, ...]
    bits: tuple[float, ...]


def cross_validated_sigma(fixations: Fixations, *, sigmas: Sequence[float], uniform: float = 0.05) -> Bandwidth:
    """The sigma of the kernel density with the highest likelihood, leaving one observer out.

    A fixation's density is (1 - uniform) * mean over the other observers' fixations of N(d; sigma^2) + uniform / area;
    the kernel's mass beyond the borders is lost, which slightly favours small sigmas.

    Args:
        fixations: with at least two observers on some image.
        sigmas: candidates in image pixels.
        uniform: share of the uniform density, which bounds the loss at an isolated fixation.

    Raises:
        RegardError: no image has two observers, or a candidate is not positive.
    """
    if not sigmas or min(sigmas) <= 0 or not 0 < uniform < 1:
        raise RegardError(f"sigmas must be positive and uniform between 0 and 1, not {list(sigmas)} and {uniform}")
    points, who = fixations.points(), torch.from_numpy(fixations.observers())
    total, count = torch.zeros(len(sigmas), dtype=torch.float64), 0
    for b, (h, w) in enumerate(fixations.sizes.tolist()):
        valid = who[b] >= 0
        xy, subject = points[b, valid], who[b, valid]
        other = subject[:, None] != subject
        scored = other.any(1)
        square = torch.cdist(xy, xy).square()[scored]
        other = other[scored]
        for k, sigma in enumerate(sigmas):
            near = torch.where(other, torch.exp(-square / (2 * sigma**2)), 0.0).sum(1) / other.sum(1)
            relative = (1 - uniform) * near * (h * w) / (2 * math.pi * sigma**2) + uniform
            total[k] += relative.log2().sum()
        count += int(scored.sum())
    if count == 0:
        raise RegardError("cross-validation leaves one observer out, but no image has fixations of two observers")
    bits = (total / count).tolist()
    return Bandwidth(float(sigmas[max(range(len(bits)), key=bits.__getitem__)]), tuple(sigmas), tuple(bits))
