"""What people reach, on the grid of a network's maps: one of them predicted by the others, cached.

Depends on the fixations, the grid and the seed of the halves alone, and not on the network, so that many are compared
with one result (`regard.gaze.cross_fitted` says how it is made).
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import cached
from regard.gaze import Fixations, choose_predictors, chosen_scores, cross_fitted, fit_observers, predictor_scores


def ceilings(gaze: Fixations, grid: tuple[int, int], *, sigma: float, seed: int) -> dict[str, Tensor]:
    """What people reach in AUC, sAUC and NSS, and what the true density would score in CC, SIM and KL, per image (N,).

    All through the grid; NaN for images of fewer than two observers. Empty where no image has two.

    Args:
        gaze: on images of one size.
        grid: of the maps.
        sigma: of densities, pixels.
        seed: of the halves.
    """
    if not _several(gaze):
        return {}

    def make() -> dict[str, Tensor]:
        values = cross_fitted(gaze, sigma=sigma, grid=grid, seed=seed).values
        return {name: value for name, value in values.items() if name != "bits"}  # bits are those of the pixels

    return cached("gaze-ceiling", f"4 {_digest(gaze)} {grid} {sigma} {seed}", make)


def information_ceiling(
    gaze: Fixations, grid: tuple[int, int], prior: Float[Tensor, "1 1 H W"], *, sigma: float, seed: int
) -> Float[Tensor, " N"] | None:
    """Bits per fixation over ``prior`` of one observer by the others, through a grid.

    NaN for images with fewer than two observers; None where no image has two.
    """
    if not _several(gaze):
        return None

    def make() -> dict[str, Tensor]:
        mixture = fit_observers(gaze, prior=lambda _, size: prior, seed=seed)
        choice = choose_predictors(mixture, lambda b: predictor_scores(mixture, b, None, sigma=sigma, prior=prior))
        bits = torch.full((len(gaze.images),), torch.nan, dtype=torch.float64)
        for b in filter(mixture.several, range(len(bits))):
            row = chosen_scores(choice, mixture, b, None, sigma=sigma, grid=grid, prior=prior)
            bits[b] = row["information_gain"]
        return {"ig": bits}

    known = hashlib.sha256(prior.numpy().tobytes()).hexdigest()
    return cached("gaze-information", f"3 {_digest(gaze)} {known} {grid} {sigma} {seed}", make)["ig"]


def _several(gaze: Fixations) -> bool:
    """Whether some image has fixations of two observers."""
    return bool((np.bincount(np.unique(np.stack([gaze.image, gaze.subject]), axis=1)[0]) > 1).any())


def _digest(gaze: Fixations) -> str:
    digest = hashlib.sha256(repr((gaze.sizes.tolist(), gaze.images)).encode())
    for column in (gaze.image, gaze.subject, gaze.x, gaze.y):
        digest.update(column.tobytes())
    return digest.hexdigest()
