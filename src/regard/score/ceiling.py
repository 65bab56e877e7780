"""What observers reach, on the grid of each judged map: cross-fitted over the whole set, or by one Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from regard import gaze
from regard.score.results import ScoreOptions
from regard.types import RegardError

_Size = tuple[int, int]


class ObserverCeiling(Protocol):
    """Scores of observers, image by image; what needs all images comes last."""

    def image(self, b: int, others: Tensor, grid: _Size) -> dict[str, float]:
        """Metric -> value on image ``b``, by the shuffled AUC's negatives ``others`` (1,1,H,W), through ``grid``."""
        ...

    def rest(self) -> dict[int, dict[str, float]]:
        """Image's index -> metric -> value of what can only be known once all images were seen."""
        ...


def open_ceiling(
    fixations: gaze.Fixations,
    options: ScoreOptions,
    *,
    sigma: Callable[[_Size], float],
    prior: gaze.ImageMap,
    train_prior: Callable[[_Size], Tensor] | None,
) -> ObserverCeiling | None:
    """The ceiling that ``options`` name; None where they want none, or no image has two observers.

    Args:
        fixations: of all images.
        options: settings.
        sigma: of densities on an image of this size, pixels.
        prior: centre prior of each image, a component of the mixture.
        train_prior: centre prior over which information is gained; None without a train split.
    """
    if not options.ceilings:
        return None
    if options.ceiling == "fixed":
        return _Fixed(fixations, options, sigma, train_prior)
    try:
        # A prior that is a file may be anything; the density of the other images is a density.
        known = prior if options.center_prior in (None, "train") else None
        mixture = gaze.fit_observers(fixations, prior=known, seed=options.seed)
    except RegardError:
        return None
    return _Crossfit(mixture, options, sigma, train_prior)


@dataclass(frozen=True)
class _Fixed:
    fixations: gaze.Fixations
    options: ScoreOptions
    sigma: Callable[[_Size], float]
    train_prior: Callable[[_Size], Tensor] | None

    def image(self, b: int, others: Tensor, grid: _Size) -> dict[str, float]:
        xy, who, size = gaze.image_fixations(self.fixations, b)
        if len(who.unique()) < 2:
            return {}
        sigma, seed, convention = self.sigma(size), (self.options.seed, b), self.options.convention
        one = gaze.observers_against_others(xy, who, others, sigma=sigma, grid=grid, convention=convention, seed=seed)
        half = gaze.halves_against_each_other(
            xy, who, size=size, sigma=sigma, grid=grid, seed=seed, convention=convention
        )
        bits = {}
        if self.train_prior is not None:
            prior = self.train_prior(size)
            bits["information_gain"] = gaze.observers_information(xy, who, prior, sigma=sigma, grid=grid)
        return one | half | bits

    def rest(self) -> dict[int, dict[str, float]]:
        return {}


@dataclass(frozen=True)
class _Crossfit:
    mixture: gaze.ObserverMixture
    options: ScoreOptions
    sigma: Callable[[_Size], float]
    train_prior: Callable[[_Size], Tensor] | None
    seen: dict[int, gaze.Predictors] = field(default_factory=dict)

    def image(self, b: int, others: Tensor, grid: _Size) -> dict[str, float]:
        if not self.mixture.several(b):
            return {}
        xy, who, size = gaze.image_fixations(self.mixture.fixations, b)
        sigma, seed, convention = self.sigma(size), (self.options.seed, b), self.options.convention
        self.seen[b] = gaze.predictor_scores(
            self.mixture, b, others, sigma=sigma, grid=grid, convention=convention, seed=seed
        )
        if self.train_prior is not None:
            bits = gaze.predictor_information(self.mixture, b, self.train_prior(size), sigma=sigma, grid=grid)
            self.seen[b] = {name: row | bits[name] for name, row in self.seen[b].items()}
        return gaze.against_density(xy, who, size=size, sigma=sigma, grid=grid, convention=convention, seed=seed)

    def rest(self) -> dict[int, dict[str, float]]:
        return gaze.best_predictors(self.seen, self.mixture.image_half)
