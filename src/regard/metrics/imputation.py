"""What stands where pixels were removed: the image's mean, a blurred copy, noisy linear imputation, or a given image.

The choice changes which map wins, so a deletion score names its baseline and at least three are reported.

The equations of linear imputation, solved on grids of every size at once: each removed pixel is a mean of its eight
neighbours, beside with weight 2, across with weight 1, renormalised at the image's border.

Conjugate gradients alone need as many steps as a hole is wide; with a multigrid cycle before each step (Briggs, Henson
& McCormick 2000, chapter 3) they need about eight, whatever its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.smoothing import gaussian_blur
from regard.types import Images, RegardError

SMALLEST = 2  # a grid of this side is not made coarser


@dataclass(frozen=True)
class Grid:
    """One grid and the coarser ones below it: ``hole`` is 1 where a cell is unknown (a coarse one where all its four
    cells are), ``degree`` the total weight of each cell's neighbours, ``coarse`` has half as many cells per axis.
    """

    hole: Float[Tensor, "B 1 h w"]
    degree: Float[Tensor, "1 1 h w"]
    coarse: Grid | None

    @classmethod
    def over(cls, hole: Float[Tensor, "B 1 h w"]) -> Grid:
        """The grid of these holes and all coarser ones."""
        coarse = None
        if max(hole.shape[2:]) > SMALLEST:
            known = 1 - _even(hole, outside=1.0)
            coarse = cls.over(1 - F.max_pool2d(known, 2))
        return cls(hole, neighbours(torch.ones_like(hole[:1])), coarse)

    def apply(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """The equations' left side: zero where nothing is unknown."""
        return (self.degree * x).sub_(neighbours(x)).mul_(self.hole)

    def cycle(self, residual: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """About the solution of `apply(x) = residual`; linear and symmetric, as conjugate gradients want it."""
        relax = self.hole / self.degree
        x = relax * residual
        if self.coarse is not None:
            h, w = residual.shape[2:]
            left = F.avg_pool2d(_even(residual - self.apply(x)), 2) * (4 * self.coarse.hole)
            x += F.interpolate(self.coarse.cycle(left), scale_factor=2.0)[..., :h, :w] * self.hole
        return x.addcmul_(relax, residual - self.apply(x))


def neighbours(x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Weighted sum over the eight neighbours inside the image, twelve in all: (1,2,1) along both axes, less the centre.

    >>> neighbours(torch.ones(1, 1, 3, 3))[0, 0].tolist()
    [[5.0, 8.0, 5.0], [8.0, 12.0, 8.0], [5.0, 8.0, 5.0]]
    """
    padded = F.pad(x, (1, 1, 1, 1))
    rows = (padded[..., :-2] + padded[..., 2:]).add_(padded[..., 1:-1], alpha=2)
    both = (rows[..., :-2, :] + rows[..., 2:, :]).add_(rows[..., 1:-1, :], alpha=2)
    return both.sub_(x, alpha=4)


def fill(start: Images, hole: Float[Tensor, "B 1 H W"], *, tolerance: float, rounds: int = 100) -> Images:
    """Every pixel of a hole becomes the weighted mean of its neighbours; the others stay.

    ``start`` has a first guess in the holes (1 in ``hole``; each image needs a known pixel). An image stops when no
    equation's residual exceeds ``tolerance``, in units of the images, so its result does not depend on the batch, or
    after ``rounds``.
    """
    grid = Grid.over(hole)
    x, r = start, -grid.apply(start)
    p = z = grid.cycle(r)
    product = (r * z).sum((2, 3), keepdim=True)
    for _ in range(rounds):
        active = (r.abs() > tolerance * grid.degree).flatten(1).any(1)
        if not active.any():
            break
        q = grid.apply(p)
        step = product / (p * q).sum((2, 3), keepdim=True).clamp_min(1e-30) * active[:, None, None, None]
        x, r = x + step * p, r - step * q
        z = grid.cycle(r)
        new = (r * z).sum((2, 3), keepdim=True)
        p, product = z + new / product.clamp_min(1e-30) * p, new
    return x


def _even(x: Tensor, outside: float = 0.0) -> Tensor:
    return F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=outside)


Baseline = Literal["mean", "blur", "noisy_linear"]
BASELINES: tuple[Baseline, ...] = ("mean", "blur", "noisy_linear")


def mean_image(images: Images) -> Images:
    """Each image's own mean colour."""
    return images.mean((2, 3), keepdim=True).expand_as(images)


def blurred_image(images: Images, *, share: float = 1 / 16) -> Images:
    """Each image blurred by a Gaussian whose standard deviation is `share` of the longer side."""
    return gaussian_blur(images, share * max(images.shape[-2:]))


def _pyramid(images: Tensor, known: Tensor) -> Tensor:
    """Rough fill from ever coarser averages of the known pixels, down to one mean: only where the solver starts."""
    h, w = images.shape[-2:]
    if max(h, w) == 1:
        return images / known.clamp_min(1e-6)
    size = ((h + 1) // 2, (w + 1) // 2)
    coarse = _pyramid(F.adaptive_avg_pool2d(images, size), F.adaptive_avg_pool2d(known, size))
    wide = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False)
    share = known.clamp_max(1)
    return images + (1 - share) * wide if share.amin() < 1 else images


def linear(images: Images, removed: Bool[Tensor, "B 1 H W"], *, tolerance: float = 1e-4) -> Images:
    """Every removed pixel becomes the weighted mean of its eight neighbours (Rong et al. 2022, ROAD).

    Neighbours beside weigh 1/6, across 1/12, renormalised at the image's border; solved for all removed pixels at once
    on the images' device. Where no pixel is left, the image's mean stands everywhere.

    Args:
        images: (B,C,H,W).
        removed: one mask for all channels (B,1,H,W).
        tolerance: largest residual of an equation, in units of the images; at 1e-4 pixels are within .002 of the exact
            solution (measured up to 224 pixels a side, 99 % removed). An image's result does not depend on the batch.
    """
    if removed.shape != (len(images), 1, *images.shape[2:]):
        raise RegardError(f"linear: mask {tuple(removed.shape)} for images {tuple(images.shape)}; use (B,1,H,W)")
    hole = removed.to(images)
    known = images * (1 - hole)
    x = fill(torch.where(removed, _pyramid(known, 1 - hole), images), hole, tolerance=tolerance)
    nothing = removed.flatten(1).all(1)[:, None, None, None]
    return torch.where(nothing, mean_image(images), x)


def noisy_linear(
    images: Images, removed: Bool[Tensor, "B 1 H W"], *, noise: float | int = 0.01, seed: int = 0
) -> Images:
    """`linear` plus Gaussian noise on the removed pixels, so that smoothness does not give away what was removed.

    The noise of standard deviation ``noise`` is one field from `seed`, the same for every image and step: neither order
    nor batch size changes it. The sum is cut to [0,1], where images live.
    """
    field = torch.randn(1, *images.shape[1:], generator=torch.Generator().manual_seed(seed)).to(images)
    return torch.where(removed, (linear(images, removed) + noise * field).clamp(0, 1), images)
