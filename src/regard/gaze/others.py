"""Which fixations of other images the shuffled AUC holds an image's own against."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from torch import Tensor

from regard.gaze.density import fixation_counts
from regard.gaze.fixations import Fixations
from regard.metrics.fixation import Convention

Others = Callable[[int, tuple[int, int]], Tensor]
"""(index of an image, its size) -> counts (1,1,h,w) of other images' fixations on its pixels."""

TEN = 10


def other_fixations(fixations: Fixations, *, convention: Convention = "tuebingen", seed: int = 0) -> Others:
    """The negatives of `regard.metrics.fixation.sauc` with ``own_included=False``.

    ``tuebingen``: all fixations of all other images. ``mit``: those of ten other images, chosen by ``seed`` and the
    image's index among the images that have fixations (all of them where there are fewer).
    """
    if convention == "mit":
        return lambda b, size: ten_others(fixations, b, grid=size, seed=seed)

    @lru_cache(maxsize=4)
    def total(size: tuple[int, int]) -> Tensor:
        return fixation_counts(fixations, grid=size)

    def rest(b: int, size: tuple[int, int]) -> Tensor:
        own = fixations.rows(fixations.image == b)
        return total(size) - fixation_counts(own, grid=size)

    return rest


def ten_others(fixations: Fixations, b: int, *, grid: tuple[int, int], seed: int = 0) -> Tensor:
    """Counts (1,1,h,w) of the fixations of ten random images other than ``b``, each scaled to the grid."""
    having = np.flatnonzero(fixations.counts())
    having = having[having != b]
    chosen = np.random.default_rng((seed, b)).permutation(having)[:TEN]
    return fixation_counts(fixations.rows(np.isin(fixations.image, chosen)), grid=grid)
