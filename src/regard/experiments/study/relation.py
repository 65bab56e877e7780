"""(c) Do networks whose maps are closer to people do better, and images within a network?

Only conditions with a learned map take part: the closeness of a given map is chosen, not learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.experiments.stats import Estimate
from regard.experiments.study.design import DISTANCES, LEARNED
from regard.experiments.study.regression import MixedFit, learned_pairs, mixed_slope, run_means, within_slope
from regard.experiments.study.trials import Trials

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class RunPoint:
    """One network: its mean similarity (up is closer) and its mean performance."""

    backbone: str
    condition: str
    seed: int
    similarity: float
    performance: float


@dataclass(frozen=True)
class Relation:
    """Answer (c) for one task. The first three are performance per standard deviation of similarity within runs.

    Attributes:
        raw: image by image within runs; easy images have closer maps and better answers, so it shows nothing by itself.
        given_difficulty: the same with measured difficulty partialled out.
        within: the same with each image's own mean taken away, and with it all of its difficulty.
        between_conditions: performance per unit of similarity over the means of conditions, within backbones.
        between_seeds: the same over the seeds within conditions.
        mixed: the mixed model; None where it was not fitted.
        points: every network.
        left_out: trials that did not pair.
        apart: whether similarity was measured on other images than performance, as with gaze on another data set: means
            of runs can then be compared, single images cannot.
    """

    task: str
    similarity: str
    raw: Estimate
    given_difficulty: Estimate
    within: Estimate
    between_conditions: Estimate
    between_seeds: Estimate
    mixed: MixedFit | None
    points: tuple[RunPoint, ...]
    left_out: Mapping[str, int]
    apart: bool = False


@dataclass(frozen=True)
class Relations:
    """Answer (c)."""

    tasks: tuple[Relation, ...]
    limits: tuple[str, ...]


def relation(trials: Trials, *, similarity: str = "nss", mixed: bool = False) -> Relations:
    """Slopes of performance on similarity in every task, within and between runs; `mixed` models take seconds each."""
    relations = [_of_task(trials, task, similarity, mixed) for task in trials.tasks if trials.has(similarity)]
    other_images = "people looked at other images than the task's: runs can be compared, images cannot."
    apart = [relation.task for relation in relations if relation.apart]
    return Relations(
        tuple(relations),
        (
            "None of these slopes is causal: what makes a run better may also make its maps closer.",
            "The slope between conditions has one point per learned condition, and conditions differ in more than "
            "similarity.",
            "Partialling out difficulty removes only what is measured; the slope within images needs no measure of it.",
            *(f"In {task} {other_images}" for task in apart),
        ),
    )


def _of_task(trials: Trials, task: str, similarity: str, mixed: bool) -> Relation:
    pairs = learned_pairs(trials, task, similarity)
    hard = learned_pairs(trials, task, similarity, difficulty=True)
    means = run_means(trials, task, similarity)
    x, y, backbone = means.x, means.y, means.backbone
    backbones = len(np.unique(backbone))
    return Relation(
        task=task,
        similarity=similarity,
        raw=within_slope(pairs, images=False),
        given_difficulty=within_slope(hard, images=False),
        within=within_slope(pairs),
        between_conditions=_line(*(_conditions(v, backbone) for v in (x, y)), lost=backbones),
        between_seeds=_line(*(_seeds(v, backbone) for v in (x, y)), lost=len(x) * backbones),
        mixed=mixed_slope(trials, task, similarity=similarity) if mixed else None,
        points=_points(trials, task, similarity, apart=means.apart),
        left_out=pairs.left_out,
        apart=means.apart,
    )


def _conditions(values: _Values, backbone: NDArray[np.int_]) -> _Values:
    """(K,R) -> (K,B): means over seeds, without each backbone's own mean."""
    if not values.size:
        return values
    means = np.stack([values[:, backbone == b].mean(1) for b in np.unique(backbone)], 1)
    return means - means.mean(0)


def _seeds(values: _Values, backbone: NDArray[np.int_]) -> _Values:
    """(K,R) without the mean of each condition and backbone."""
    out = values.copy()
    for b in np.unique(backbone):
        out[:, backbone == b] -= out[:, backbone == b].mean(1, keepdims=True)
    return out


def _line(x: _Values, y: _Values, *, lost: int) -> Estimate:
    """Least squares through demeaned points, from which `lost` means were subtracted."""
    free, square = x.size - lost - 1, float((x**2).sum())
    if free < 1 or square < 1e-20:
        return Estimate(math.nan)
    slope = float((x * y).sum()) / square
    rest = float(((y - slope * x) ** 2).sum())
    return Estimate(slope, ((rest / free / square, float(free)),), runs=x.size)


def _points(trials: Trials, task: str, similarity: str, *, apart: bool) -> tuple[RunPoint, ...]:
    """Every network, on images with both numbers, or where there are none, each number on its own images."""
    frame = trials.frame
    frame = frame[(frame["task"] == task) & frame["condition"].isin(LEARNED) & (frame["layer"] == "")]
    if not apart:
        frame = frame.dropna(subset=[similarity, "performance"])
    means = frame.groupby(["backbone", "condition", "seed"], observed=True)[[similarity, "performance"]].mean()
    means = means.dropna()
    sign = -1 if similarity in DISTANCES else 1
    return tuple(
        RunPoint(str(b), str(c), int(s), sign * float(x), float(y))
        for (b, c, s), (x, y) in zip(means.index, means.to_numpy(), strict=True)
    )
