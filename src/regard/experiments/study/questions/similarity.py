"""(b) How close maps come to where people look, compared with chance, the centre, and other people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regard.experiments.stats import Estimate, Interval, bootstrap
from regard.experiments.study.contrasts import arm_difference
from regard.experiments.study.design import DISTANCES, SIMILARITY_METRICS
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import (
    CELL_LIMITS,
    NOT_MEASURED,
    backbone_or_none,
    conditions_of,
    task_backbones,
)
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class SimilarityAnchors:
    """Floors and ceiling of similarity, over the same runs and images; NaN where the trials have none."""

    random: Estimate
    center: Estimate
    observers: Estimate


@dataclass(frozen=True)
class SimilarityRow:
    """One metric of one condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: of the study.
        metric: its name.
        better: whether higher or lower is closer.
        value: mean over runs and images.
        anchors: floors and ceiling.
        beyond_center: value minus centre prior, paired by image; NaN without a centre prior.
        beyond_shuffled: value minus that of the same condition with other images' maps, paired by backbone, seed and
            image; NaN where there is no such condition.
        share: of the way from the centre prior (0) to other observers (1), with its bootstrap interval.
    """

    task: str
    backbone: str
    condition: str
    metric: str
    better: str
    value: Estimate
    anchors: SimilarityAnchors
    beyond_center: Estimate
    beyond_shuffled: Estimate
    share: Interval


@dataclass(frozen=True)
class SimilarityTable:
    """Answer (b)."""

    rows: tuple[SimilarityRow, ...]
    limits: tuple[str, ...]


def similarity_table(trials: Trials) -> SimilarityTable:
    """Every metric that the trials hold, of every condition that has a map."""
    rows = [
        row
        for task, backbone in task_backbones(trials)
        for name in conditions_of(trials, task, backbone)
        for metric in SIMILARITY_METRICS
        if trials.has(metric) and (row := _row(trials, task, backbone, name, metric)) is not None
    ]
    return SimilarityTable(
        tuple(rows),
        (
            *CELL_LIMITS,
            "A share above 1 is closer to the mean of all observers than single observers, which is not superhuman.",
            "Similarity does not show use: a map can be close to people and ignored by its network.",
            "`human` is compared with itself: its similarity shows how well the map's grid represents it.",
        ),
    )


def _row(trials: Trials, task: str, backbone: str, name: str, metric: str) -> SimilarityRow | None:
    only, arm = backbone_or_none(backbone), Arm(name)
    own = paired(trials, task, [arm], metric, backbone=only)
    if not own.values.size:
        return None

    def anchor_mean(anchor: str) -> Estimate:
        return paired(trials, task, [arm] * 2, [metric, f"{metric}_{anchor}"], backbone=only).mean(1)

    pair = paired(trials, task, [arm] * 2, [metric, f"{metric}_center"], backbone=only)
    three = paired(trials, task, [arm] * 3, [metric, f"{metric}_center", f"{metric}_observers"], backbone=only)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = bootstrap(three.values, three.backbone, lambda m: (m[0] - m[1]) / (m[2] - m[1]), draws=1000)
    control = f"{name}-shuffled"
    beyond = NOT_MEASURED
    if control in conditions_of(trials, task, backbone):
        beyond = arm_difference(trials, task, arm, Arm(control), metric, only)
    return SimilarityRow(
        task,
        backbone,
        name,
        metric,
        "lower" if metric in DISTANCES else "higher",
        own.mean(),
        SimilarityAnchors(*(anchor_mean(anchor) for anchor in ("random", "center", "observers"))),
        pair.difference(),
        beyond,
        share,
    )
