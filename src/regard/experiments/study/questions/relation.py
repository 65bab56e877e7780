"""(c) Do networks, and images, on which maps come closer to people do better?

Only arms whose map is learned take part: an imposed map is as close as one makes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.experiments.stats import Estimate
from regard.experiments.study.design import LEARNED, LOWER
from regard.experiments.study.regression import MixedFit, learned_pairs, mixed_slope, run_means, within_slope
from regard.experiments.study.trials import Trials

_Table = NDArray[np.float64]


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
    """Answer (c) in a task. The first three are performance for one standard deviation of similarity within runs.

    Attributes:
        task: the task.
        similarity: the metric.
        raw: image by image within runs; what is easy is easy for both, so it shows nothing by itself.
        given_difficulty: the same with measured difficulty partialled out.
        within: the same with each image's own mean taken away: what is left of difficulty, measured or not.
        between_conditions: performance for one unit of similarity over the means of conditions, backbones apart.
        between_seeds: the same over the seeds within conditions.
        mixed: the mixed model; None where it was not asked for.
        points: every network.
        left_out: trials that did not pair.
        apart: whether similarity was measured on other images than performance, as where people looked at those of
            another set: means of runs can then be held against each other, images cannot.
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
    left_out: dict[str, int]
    apart: bool = False


@dataclass(frozen=True)
class Relations:
    """Answer (c)."""

    tasks: tuple[Relation, ...]
    limits: tuple[str, ...]


def relation(trials: Trials, *, similarity: str = "nss", mixed: bool = False) -> Relations:
    """Slopes of performance on similarity in every task, within and between runs apart.

    Args:
        trials: the table.
        similarity: the metric.
        mixed: whether to fit the mixed model too, which takes seconds a task.
    """
    found = [_of_task(trials, task, similarity, mixed) for task in trials.tasks if trials.has(similarity)]
    return Relations(
        tuple(found),
        (
            "None of these slopes is causal: what makes a run better may make its maps closer, too.",
            "The slope between conditions rests on as many points as there are learned conditions, and these differ in "
            "more than similarity.",
            "Measured difficulty takes away only the part that it measures; the slope within images needs no measure.",
            *(
                f"In {r.task} people looked at other images than the task's: runs can be compared, images cannot."
                for r in found
                if r.apart
            ),
        ),
    )


def _of_task(trials: Trials, task: str, similarity: str, mixed: bool) -> Relation:
    pairs = learned_pairs(trials, task, similarity)
    hard = learned_pairs(trials, task, similarity, difficulty=True)
    means = run_means(trials, task, similarity)
    x, y, backbone = means.x, means.y, means.backbone
    groups = len(x) * len(np.unique(backbone))
    return Relation(
        task=task,
        similarity=similarity,
        raw=within_slope(pairs, images=False),
        given_difficulty=within_slope(hard, images=False),
        within=within_slope(pairs),
        between_conditions=_line(*(_conditions(v, backbone) for v in (x, y)), lost=len(np.unique(backbone))),
        between_seeds=_line(*(_seeds(v, backbone) for v in (x, y)), lost=groups),
        mixed=mixed_slope(trials, task, similarity=similarity) if mixed else None,
        points=_points(trials, task, similarity, apart=means.apart),
        left_out=pairs.left_out,
        apart=means.apart,
    )


def _conditions(values: _Table, backbone: NDArray[np.int_]) -> _Table:
    """(K,R) -> (K,B): means over seeds, without each backbone's own mean."""
    if not values.size:
        return values
    means = np.stack([values[:, backbone == b].mean(1) for b in np.unique(backbone)], 1)
    return means - means.mean(0)


def _seeds(values: _Table, backbone: NDArray[np.int_]) -> _Table:
    """(K,R) without the mean of each condition and backbone."""
    out = values.copy()
    for b in np.unique(backbone):
        out[:, backbone == b] -= out[:, backbone == b].mean(1, keepdims=True)
    return out


def _line(x: _Table, y: _Table, *, lost: int) -> Estimate:
    """Least squares through demeaned points, of which `lost` means were taken away."""
    free, square = x.size - lost - 1, float((x**2).sum())
    if free < 1 or square < 1e-20:
        return Estimate(math.nan)
    slope = float((x * y).sum()) / square
    rest = float(((y - slope * x) ** 2).sum())
    return Estimate(slope, ((rest / free / square, float(free)),), runs=x.size)


def _points(trials: Trials, task: str, similarity: str, *, apart: bool) -> tuple[RunPoint, ...]:
    """Every network by itself, on all images on which both numbers are known, or each where it is known."""
    frame = trials.frame
    frame = frame[(frame["task"] == task) & frame["condition"].isin(LEARNED) & (frame["layer"] == "")]
    if not apart:
        frame = frame.dropna(subset=[similarity, "performance"])
    means = frame.groupby(["backbone", "condition", "seed"], observed=True)[[similarity, "performance"]].mean()
    means = means.dropna()
    sign = -1 if similarity in LOWER else 1
    return tuple(
        RunPoint(str(b), str(c), int(s), sign * float(x), float(y))
        for (b, c, s), (x, y) in zip(means.index, means.to_numpy(), strict=True)
    )
