"""Which centre prior a map is held against: the other images', the train split's, or a file's."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from regard.evaluation.scoring.maps import open_maps
from regard.gaze import CenterPriors, Fixations, center_prior, center_priors
from regard.types import Map, RegardError

Size = tuple[int, int]
Prior = Callable[[int, Size], Tensor]
"""(image's index, its size) -> centre prior (1,1,h,w)."""

UNIFORM = 0.01


def open_prior(which: str | None, fixations: Fixations, train: Fixations | None, sigma: float) -> Prior:
    """The centre prior that ``which`` names; see `ScoreOptions.center_prior`.

    Raises:
        RegardError: ``train`` without a train split, or a file that cannot be read.
    """
    if which is None:

        @lru_cache(maxsize=4)
        def others(size: Size) -> CenterPriors:
            return center_priors(fixations, grid=size, sigma=sigma)

        return lambda b, size: others(size)[b]
    if which == "train":
        if train is None:
            raise RegardError(
                "the centre prior of a train split needs its fixations: give them (--train FILE), or leave "
                "--center-prior out for that of all other images"
            )
        trained = train_prior(train, sigma)
        return lambda _, size: trained(size)
    path = Path(which)
    files = open_maps(path.parent)
    if path.name not in files:
        raise RegardError(f"{path}: no such file; a centre prior is 'train', an .npy file or a picture")
    given = Map(files[path.name](), "relevance")
    return lambda _, size: given.resize(size).values


def nowhere_zero(density: Tensor) -> Tensor:
    """A density (1,1,h,w) that sums to 1, UNIFORM of it made uniform: no fixation is impossible."""
    return (1 - UNIFORM) * density + UNIFORM / density.numel()


def train_prior(train: Fixations, sigma: float) -> Callable[[Size], Tensor]:
    """Density of the train split's fixations on any grid, UNIFORM of it uniform, so that it is 0 nowhere."""

    @lru_cache(maxsize=4)
    def prior(size: Size) -> Tensor:
        return nowhere_zero(center_prior(train, grid=size, sigma=sigma))

    return prior
