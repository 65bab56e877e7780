"""One observer predicted by the others, in each metric by the density that predicts best.

A density that is fitted for bits need not have the highest NSS. So the mixture (`fit_observers`) stands beside
Gaussians of three widths, and each metric takes what has the highest mean on the other half of the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from jaxtyping import Float
from torch import Tensor

from regard.gaze.ceilings import observers_against_others, observers_information, through_grid
from regard.gaze.mixture import ObserverMixture, image_fixations
from regard.metrics.fixation import Convention, aucs, information_gain, nss

MIXTURE = "mixture"
GAUSSIANS: Mapping[str, float] = {"0.55 sigma": 0.55, "1 sigma": 1.0, "1.6 sigma": 1.6}
"""Name -> width in sigma."""
_IMAGES = 30  # of each half, by which is chosen

Predictors = dict[str, dict[str, float]]
"""Predictor of an observer by the others -> metric -> value on one image."""
PredictorChoice = Mapping[tuple[int, str], str]
"""(half of the images, metric) -> predictor."""


def predictor_scores(
    mixture: ObserverMixture,
    b: int,
    others: Float[Tensor, "1 1 H W"] | None,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    prior: Float[Tensor, "1 1 H W"] | None = None,
    names: Collection[str] = (MIXTURE, *GAUSSIANS),
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> Predictors:
    """Scores of the others' density on each observer's fixations of image ``b``, mean over observers.

    ``mixture`` is the fitted density; beside it stand Gaussians of .55, 1 and 1.6 sigma.

    Args:
        mixture: fitted.
        b: an image that at least two observers looked at.
        others: counts of other images' fixations on this image's pixels, see `sauc`; None for no auc, sauc and nss.
        sigma: of the Gaussian, image pixels.
        grid: of the judged map; None for the image's own pixels.
        prior: positive everywhere, sums to 1; None for no information_gain over it, bits.
        names: of the predictors.
        convention: of the metrics.
        seed: of the MIT convention's samples.

    Raises:
        RegardError: fewer than two observers looked at the image.
    """
    out: Predictors = {}
    if MIXTURE in names:
        points, maps = mixture.maps(b)
        maps, own = through_grid(maps, grid), {}
        if others is not None:
            ranked = aucs(maps, points, others, own_included=False, judd=False, convention=convention, seed=seed)
            own = {"auc": ranked.auc, "nss": nss(maps, points, convention=convention)}
            if ranked.shuffled is not None:
                own["sauc"] = ranked.shuffled
        if prior is not None:
            density = maps / maps.sum((-2, -1), keepdim=True)
            own["information_gain"] = information_gain(density.log(), points, prior.log().expand_as(density))
        out[MIXTURE] = {name: values.mean().item() for name, values in own.items()}
    xy, who, _ = image_fixations(mixture.fixations, b)
    for name, factor in GAUSSIANS.items():
        if name in names:
            width, row = factor * sigma, {}
            if others is not None:
                row = observers_against_others(
                    xy, who, others, sigma=width, grid=grid, convention=convention, seed=seed
                )
            if prior is not None:
                row["information_gain"] = observers_information(xy, who, prior, sigma=width, grid=grid)
            out[name] = row
    return out


def choose_predictors(mixture: ObserverMixture, scores: Callable[[int], Predictors]) -> PredictorChoice:
    """For either half of the images and each metric the predictor with the highest mean on the other half.

    By at most 30 images of that half, evenly spaced. Where it has no value, the mixture.

    Args:
        mixture: fitted.
        scores: of an image's index, see `predictor_scores`.

    >>> from regard.gaze import fit_observers, make_fixations
    >>> image, who, x = ["a"] * 2 + ["b"] * 2, [0, 1, 0, 1], [3, 4, 8, 9]
    >>> gaze = make_fixations(image=image, subject=who, x=x, y=[4] * 4, sizes={"a": (12, 16), "b": (12, 16)})
    >>> rows = {"mixture": {"nss": 1.0}, "1 sigma": {"nss": 2.0}}
    >>> sorted(choose_predictors(fit_observers(gaze), lambda b: rows).items())
    [((0, 'nss'), '1 sigma'), ((1, 'nss'), '1 sigma')]
    """
    several = [b for b in range(len(mixture.image_half)) if mixture.several(b)]
    halves = [[b for b in several if int(mixture.image_half[b]) == half] for half in (0, 1)]
    rows = [[scores(half[k]) for k in _evenly(len(half))] for half in halves]
    metrics = dict.fromkeys(metric for half in rows for row in half for values in row.values() for metric in values)
    return {(half, metric): _best(rows[1 - half], metric) for half in (0, 1) for metric in metrics}


def _evenly(count: int) -> list[int]:
    return sorted({k * count // min(count, _IMAGES) for k in range(min(count, _IMAGES))})


def _best(rows: list[Predictors], metric: str) -> str:
    known: dict[str, list[float]] = {}
    for row in rows:
        for name, values in row.items():
            value = values.get(metric, math.nan)
            if not math.isnan(value):
                known.setdefault(name, []).append(value)
    return max(known, key=lambda name: sum(known[name]) / len(known[name])) if known else MIXTURE


def chosen_scores(
    choice: PredictorChoice,
    mixture: ObserverMixture,
    b: int,
    others: Float[Tensor, "1 1 H W"] | None,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    prior: Float[Tensor, "1 1 H W"] | None = None,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> dict[str, float]:
    """Metric -> value on image ``b`` of the predictor that was chosen for it; arguments as in `predictor_scores`."""
    mine = {metric: name for (half, metric), name in choice.items() if half == int(mixture.image_half[b])}
    rows = predictor_scores(
        mixture,
        b,
        others,
        sigma=sigma,
        grid=grid,
        prior=prior,
        names=set(mine.values()),
        convention=convention,
        seed=seed,
    )
    return {metric: rows[name][metric] for metric, name in mine.items() if metric in rows[name]}
