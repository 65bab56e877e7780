"""(b) How close do maps come to where people look, beside chance, the centre, and other people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regard.experiments.stats import Estimate, Interval, bootstrap, crossed_mean
from regard.experiments.study.contrasts import difference
from regard.experiments.study.design import LOWER, METRICS
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import ALL, CELL_LIMITS, cells, conditions
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class _Anchors:
    """What similarity stands beside, over the same runs and images; NaN where the trials have none."""

    random: Estimate
    center: Estimate
    observers: Estimate


@dataclass(frozen=True)
class SimilarityRow:
    """One metric of one condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: the arm.
        metric: the metric.
        better: whether more or less of it is closer.
        value: mean over runs and images.
        anchors: floors and ceiling.
        beyond_center: value minus centre prior, paired by image; NaN without a centre prior.
        beyond_shuffled: value minus that of the same arm with other images' maps, paired by backbone, seed and image;
            NaN where there is no such arm.
        share: of the way from the centre prior (0) to other observers (1), with its bootstrap interval.
    """

    task: str
    backbone: str
    condition: str
    metric: str
    better: str
    value: Estimate
    anchors: _Anchors
    beyond_center: Estimate
    beyond_shuffled: Estimate
    share: Interval


@dataclass(frozen=True)
class SimilarityTable:
    """Answer (b)."""

    rows: tuple[SimilarityRow, ...]
    limits: tuple[str, ...]


def similarity(trials: Trials) -> SimilarityTable:
    """Every metric that the trials hold, of every condition that has a map."""
    rows = [
        row
        for task, backbone in cells(trials)
        for name in conditions(trials, task, backbone)
        for metric in METRICS
        if trials.has(metric) and (row := _row(trials, task, backbone, name, metric)) is not None
    ]
    return SimilarityTable(
        tuple(rows),
        (
            *CELL_LIMITS,
            "A share above 1 is closer to the mean of all observers than single ones are; it is not better than human.",
            "Similarity says nothing of use: a map can be close to people and ignored by its network.",
            "`human` is what it is compared with: its similarity says how well the map's grid holds it.",
        ),
    )


def _row(trials: Trials, task: str, backbone: str, name: str, metric: str) -> SimilarityRow | None:
    only, arm = None if backbone == ALL else backbone, Arm(name)
    own = paired(trials, task, [arm], metric, backbone=only)
    if not own.values.size:
        return None

    def beside(anchor: str) -> Estimate:
        panel = paired(trials, task, [arm] * 2, [metric, f"{metric}_{anchor}"], backbone=only)
        return crossed_mean(panel.values[1], panel.backbone, left_out=panel.left_out)

    pair = paired(trials, task, [arm] * 2, [metric, f"{metric}_center"], backbone=only)
    three = paired(trials, task, [arm] * 3, [metric, f"{metric}_center", f"{metric}_observers"], backbone=only)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = bootstrap(three.values, three.backbone, lambda m: (m[0] - m[1]) / (m[2] - m[1]), draws=1000)
    control = f"{name}-shuffled"
    beyond = Estimate(math.nan)
    if control in conditions(trials, task, backbone):
        beyond = difference(trials, task, arm, Arm(control), metric, only)
    return SimilarityRow(
        task,
        backbone,
        name,
        metric,
        "lower" if metric in LOWER else "higher",
        crossed_mean(own.values[0], own.backbone, left_out=own.left_out),
        _Anchors(*(beside(anchor) for anchor in ("random", "center", "observers"))),
        crossed_mean(pair.values[0] - pair.values[1], pair.backbone, left_out=pair.left_out),
        beyond,
        share,
    )
