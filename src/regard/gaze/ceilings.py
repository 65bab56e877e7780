"""What observers reach: an image's map from some people, judged on others, on the judged map's own grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.gaze.fixations import Fixations
from regard.gaze.observers import halves_against_each_other, observers_against_others
from regard.gaze.others import other_fixations
from regard.metrics.fixation import Convention
from regard.types import RegardError


@dataclass(frozen=True)
class Ceiling:
    """Per-image values of what observers reach.

    Attributes:
        values: metric -> (M,) float64, mean over the observers (or halves) of an image; NaN where it is undefined.
        undefined: image left out because fewer than two observers looked at it (M,) bool.
    """

    values: dict[str, Tensor]
    undefined: Tensor


def leave_one_out(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
    seed: int = 0,
) -> Ceiling:
    """AUC, sAUC and NSS of the other observers' density on each observer's fixations: an observer's best prediction.

    For every image and observer: the Gaussian density of all other observers' fixations (``sigma`` in image pixels),
    taken through ``grid``, is scored on this observer's fixations; sAUC's negatives are those of `other_fixations`. An
    image's value is the mean over its observers.

    Args:
        fixations: with at least two observers an image; images with fewer are NaN and flagged.
        sigma: of the density, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of the metrics.
        seed: of the MIT convention's samples.

    Raises:
        RegardError: no image has two observers.
    """
    names = ("auc", "sauc", "nss")
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in names}
    others = other_fixations(fixations, convention=convention, seed=seed)
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        found = observers_against_others(
            xy, who, others(b, size), sigma=sigma, grid=grid, convention=convention, seed=(seed, b)
        )
        for name, value in found.items():
            out[name][b] = value
    return _ceiling(out, few)


def split_half(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    repeats: int = 3,
    seed: int = 0,
    convention: Convention = "tuebingen",
) -> Ceiling:
    """CC, SIM and KL between the densities of two random halves of an image's observers, mean over ``repeats``.

    One half's density, taken through ``grid``, stands for the judged map, the other's for the gold standard; each half
    has half the data, so this is a lower bound of what all observers together would reach.

    Args:
        fixations: with at least two observers an image.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
        repeats: random halvings an image.
        seed: decides them, with the image's place in the list.
        convention: of SIM and KL.

    Raises:
        RegardError: no image has two observers.
    """
    names = ("cc", "sim", "kl")
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in names}
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        found = halves_against_each_other(
            xy, who, size=size, sigma=sigma, grid=grid, repeats=repeats, seed=(seed, b), convention=convention
        )
        for name, value in found.items():
            out[name][b] = value
    return _ceiling(out, few)


def _images(fixations: Fixations) -> Iterator[tuple[int, tuple[int, int], Tensor, Tensor]]:
    """Of each image its index, size, points (n,2) and observers (n,)."""
    points, observers = fixations.points(), torch.from_numpy(fixations.observers())
    for b, (h, w) in enumerate(fixations.sizes.tolist()):
        known = observers[b] >= 0
        yield b, (h, w), points[b, known], observers[b, known]


def _ceiling(values: dict[str, Tensor], few: Tensor) -> Ceiling:
    if few.all():
        raise RegardError("a ceiling between observers needs an image with fixations of at least two of them")
    return Ceiling(values, few)
