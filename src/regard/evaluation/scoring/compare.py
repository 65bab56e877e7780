"""Two or more models on the same images: paired differences, and which of them are more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from regard.evaluation.scoring.options import MapScores
from regard.metrics import paired_difference
from regard.metrics.fixation import LOWER_IS_BETTER, holm, sign_flip_test
from regard.types import RegardError, Scores


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the images that both have.

    Attributes:
        metric: name.
        first: name of one model.
        second: name of the other.
        difference: first minus second, image by image, with its bootstrap interval.
        p: two-sided permutation test of the difference.
        adjusted: p corrected by Holm for all comparisons made together.
        better: the name of the better one by the sign of the difference; empty where it is 0 or undefined.
    """

    metric: str
    first: str
    second: str
    difference: Scores
    p: float
    adjusted: float
    better: str


def compare(models: Mapping[str, MapScores]) -> tuple[Comparison, ...]:
    """Every pair of models in every metric that both have; p-values corrected over all of these.

    Raises:
        RegardError: fewer than two models, different options, or a pair without a common image.
    """
    if len(models) < 2:
        raise RegardError("a comparison needs the scores of at least two models")
    options = next(iter(models.values())).options
    if any(scores.options != options for scores in models.values()):
        raise RegardError("models are compared by scores of the same options: score them together")
    found = []
    for a, b in combinations(models, 2):
        common = [name for name in models[a].images if name in set(models[b].images)]
        if not common:
            raise RegardError(f"{a} and {b} have no scored image in common")
        for metric in models[a].values["maps"]:
            if metric in models[b].values["maps"]:
                x, y = (_column(models[name], metric, common) for name in (a, b))
                difference = paired_difference(x, y, draws=options.draws, seed=options.seed)
                found.append((metric, a, b, difference, sign_flip_test(x, y, seed=options.seed)))
    p = torch.tensor([row[-1] for row in found], dtype=torch.float64)
    defined = ~p.isnan()  # a test that could not be made is none of those to correct for
    p[defined] = holm(p[defined])
    return tuple(Comparison(*row, adjusted, _better(*row[:4])) for row, adjusted in zip(found, p.tolist(), strict=True))


def _column(scores: MapScores, metric: str, images: list[str]) -> Tensor:
    place = {name: k for k, name in enumerate(scores.images)}
    return scores.values["maps"][metric][[place[name] for name in images]]


def _better(metric: str, first: str, second: str, difference: Scores) -> str:
    sign = difference.mean * (-1 if metric in LOWER_IS_BETTER else 1)
    return first if sign > 0 else second if sign < 0 else ""
