"""What observers reach, on the grid of each judged map: cross-fitted over the whole set, or by one Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from regard import gaze
from regard.score.results import ScoreOptions
from regard.types import RegardError

_Size = tuple[int, int]
ObserverCeiling = Callable[[int, Tensor, _Size], dict[str, float]]
"""(image's index, the shuffled AUC's negatives (1,1,H,W), grid of its map) -> metric -> what observers reach."""


def open_ceiling(
    fixations: gaze.Fixations,
    options: ScoreOptions,
    *,
    sigma: Callable[[_Size], float],
    prior: gaze.ImageMap,
    others: gaze.ImageMap,
    train_prior: Callable[[_Size], Tensor] | None,
) -> ObserverCeiling | None:
    """The ceiling that ``options`` name; None where they want none, or no image has two observers.

    Args:
        fixations: of all images.
        options: settings.
        sigma: of densities on an image of this size, pixels.
        prior: centre prior of each image, a component of the mixture.
        others: negatives of the shuffled AUC on each image.
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

    def compete(b: int) -> gaze.Predictors:
        size = (int(fixations.sizes[b, 0]), int(fixations.sizes[b, 1]))
        over = None if train_prior is None else train_prior(size)
        seed, convention = (options.seed, b), options.convention
        return gaze.predictor_scores(
            mixture, b, others(b, size), sigma=sigma(size), prior=over, convention=convention, seed=seed
        )

    return _Crossfit(mixture, options, sigma, train_prior, gaze.choose_predictors(mixture, compete))


@dataclass(frozen=True)
class _Fixed:
    fixations: gaze.Fixations
    options: ScoreOptions
    sigma: Callable[[_Size], float]
    train_prior: Callable[[_Size], Tensor] | None

    def __call__(self, b: int, others: Tensor, grid: _Size) -> dict[str, float]:
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


@dataclass(frozen=True)
class _Crossfit:
    mixture: gaze.ObserverMixture
    options: ScoreOptions
    sigma: Callable[[_Size], float]
    train_prior: Callable[[_Size], Tensor] | None
    choice: gaze.PredictorChoice

    def __call__(self, b: int, others: Tensor, grid: _Size) -> dict[str, float]:
        if not self.mixture.several(b):
            return {}
        xy, who, size = gaze.image_fixations(self.mixture.fixations, b)
        sigma, seed, convention = self.sigma(size), (self.options.seed, b), self.options.convention
        prior = None if self.train_prior is None else self.train_prior(size)
        one = gaze.chosen_scores(
            self.choice, self.mixture, b, others, sigma=sigma, grid=grid, prior=prior, convention=convention, seed=seed
        )
        return one | gaze.against_density(xy, who, size=size, sigma=sigma, grid=grid, convention=convention, seed=seed)
