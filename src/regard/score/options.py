"""How maps are scored, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from regard.metrics import share_of_range
from regard.metrics.fixation import Convention
from regard.types import Scores

Kind = Literal["maps", "uniform", "center", "permuted", "observers"]
FLOORS: tuple[Kind, ...] = ("uniform", "center", "permuted")


@dataclass(frozen=True)
class ScoreOptions:
    """How maps are scored.

    Attributes:
        convention: of the metrics, see `regard.metrics.fixation`.
        sigma: of densities and centre prior, image pixels; None: one degree where known, else 1/27 of the width.
        center_prior: None: for each image the density of all other images' fixations; ``train``: the density of the
            train split's fixations, the same for all; else a file of one map (``.npy`` or a picture).
        ceilings: whether observers are held against each other; it needs two of them an image.
        draws: bootstrap samples over images.
        seed: of bootstrap, halvings, and what the MIT convention draws at random.
    """

    convention: Convention = "tuebingen"
    sigma: float | None = None
    center_prior: str | None = None
    ceilings: bool = True
    draws: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class MapScores:
    """What was scored.

    Attributes:
        images: names of the images, in the order of all values.
        values: kind -> metric -> (N,) float64. ``maps`` is what is judged; ``uniform``, ``center`` and ``permuted``
            (the map of the next image that has one) are floors, ``observers`` is the ceiling, on each map's own grid.
        fixations: number of fixations of each image (N,).
        failed: image -> why it has no score.
        options: how.
        notes: what a reader must know: what was not scored and why, how maps were calibrated.
        summary: kind -> metric -> mean, interval, undefined.
    """

    images: tuple[str, ...]
    values: Mapping[Kind, Mapping[str, Tensor]]
    fixations: tuple[int, ...]
    failed: Mapping[str, str]
    options: ScoreOptions
    notes: tuple[str, ...] = ()
    summary: Mapping[Kind, Mapping[str, Scores]] = field(default_factory=dict)

    def share(self, metric: str) -> float:
        """Place of the maps' mean between the centre prior (0) and the observers (1); NaN without ceilings."""
        kinds: tuple[Kind, ...] = ("maps", "center", "observers")
        if any(metric not in self.summary.get(kind, {}) for kind in kinds):
            return math.nan
        return share_of_range(*(self.summary[kind][metric].mean for kind in kinds))
