"""One image's map, its floors and its ceiling, scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regard.evaluation.scoring.information import Information
from regard.evaluation.scoring.maps import MapFiles
from regard.evaluation.scoring.options import Kind, ScoreOptions
from regard.evaluation.scoring.priors import Prior
from regard.gaze import (
    Fixations,
    density,
    halves_against_each_other,
    observers_against_others,
    through_grid,
)
from regard.metrics.fixation import all_scores
from regard.types import Map, RegardError

Row = dict[Kind, dict[str, float]]
"""kind -> metric -> value of one image."""


@dataclass(frozen=True)
class ImageScorer:
    """Scores image ``b`` of the fixations when called.

    Attributes:
        files: the maps.
        fixations: all images'.
        sigma: of densities, image pixels.
        prior: the centre prior.
        others: negatives of the shuffled AUC, `regard.gaze.other_fixations`.
        information: what makes densities of the maps; None without a train split.
        options: how.
    """

    files: MapFiles
    fixations: Fixations
    sigma: float
    prior: Prior
    others: Callable[[int, tuple[int, int]], Tensor]
    information: Information | None
    options: ScoreOptions

    def __call__(self, b: int) -> Row:
        """Kind -> metric -> value, each on the image's own pixels.

        Raises:
            RegardError: no fixations, or a map that is missing, broken, or negative.
        """
        size = (int(self.fixations.sizes[b, 0]), int(self.fixations.sizes[b, 1]))
        own = self.files.read(self.fixations.images[b])
        here = self.fixations.rows(self.fixations.image == b)
        if len(here) == 0:
            raise RegardError("no fixations")
        xy = torch.from_numpy(np.stack([here.x, here.y], 1))
        grid = (own.shape[-2], own.shape[-1])
        gold = density(xy[None], size=size, sigma=self.sigma)
        others = self.others(b, size)
        judged: dict[Kind, Tensor] = {
            "maps": _resize(own, size),
            "uniform": torch.ones_like(gold),
            "center": through_grid(self.prior(b, size), grid),
        }
        another = self._another(b)
        if another is not None:
            judged["permuted"] = _resize(_resize(another, grid), size)
        seed = (self.options.seed, b)
        row: Row = {}
        for kind, values in judged.items():
            found = all_scores(
                values, xy[None], gold, others, own_included=False, convention=self.options.convention, seed=seed
            )
            row[kind] = {metric: value.item() for metric, value in found.items()}
            if self.information is not None:
                row[kind]["information_gain"] = self.information.gain(kind, values, xy[None])
        if self.options.ceilings:
            row["observers"] = self._observers(xy, torch.from_numpy(here.subject.copy()), others, grid, seed)
        return row

    def _observers(
        self, xy: Tensor, who: Tensor, others: Tensor, grid: tuple[int, int], seed: tuple[int, int]
    ) -> dict[str, float]:
        if len(who.unique()) < 2:
            return {}
        size, convention = (others.shape[-2], others.shape[-1]), self.options.convention
        one = observers_against_others(xy, who, others, sigma=self.sigma, grid=grid, convention=convention, seed=seed)
        half = halves_against_each_other(
            xy, who, size=size, sigma=self.sigma, grid=grid, seed=seed, convention=convention
        )
        bits = {}
        if self.information is not None:
            bits["information_gain"] = self.information.ceiling(xy, who, size, self.sigma, grid)
        return one | half | bits

    def _another(self, b: int) -> Tensor | None:
        """The map of the next image that has a good one; None if no other has."""
        count = len(self.fixations.images)
        for k in range(1, count):
            try:
                other = self.files.read(self.fixations.images[(b + k) % count])
            except RegardError:
                continue
            if other.isfinite().all() and other.min() >= 0:
                return other
        return None


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return Map(maps, "relevance").resize(size).values
