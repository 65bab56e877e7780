"""(g) Do aligned networks lose less under noise, blur, compression, attacks?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate
from regard.experiments.study.design import ROBUST_PREFIX
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
class RobustnessRow:
    """One condition of a cell under one disturbance.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: of the study.
        disturbance: its name.
        level: mean performance under it.
        loss: of performance, paired by image.
        spared: loss of `implicit` minus own loss, paired: above 0 this condition loses less; NaN for `implicit`.
    """

    task: str
    backbone: str
    condition: str
    disturbance: str
    level: Estimate
    loss: Estimate
    spared: Estimate


@dataclass(frozen=True)
class Robustness:
    """Answer (g)."""

    rows: tuple[RobustnessRow, ...]
    limits: tuple[str, ...]


def robustness(trials: Trials) -> Robustness:
    """Every disturbance that the trials hold."""
    columns = [c for c in trials.measured() if c.startswith(ROBUST_PREFIX)]
    rows = [
        row
        for task, backbone in task_backbones(trials)
        for name in conditions_of(trials, task, backbone)
        for column in columns
        if (row := _row(trials, task, backbone, name, column)) is not None
    ]
    return Robustness(
        tuple(rows),
        (
            *CELL_LIMITS,
            "A network with low performance has less to lose; compare losses together with levels.",
            "`human` arms keep the gaze recorded on the undisturbed image.",
        ),
    )


def _row(trials: Trials, task: str, backbone: str, name: str, column: str) -> RobustnessRow | None:
    only, arm = backbone_or_none(backbone), Arm(name)
    pair = paired(trials, task, [arm] * 2, ["performance", column], backbone=only)
    if not pair.values.size:
        return None
    spared = NOT_MEASURED
    if name != "implicit":
        four = [Arm("implicit"), Arm("implicit"), arm, arm]
        both = paired(trials, task, four, ["performance", column] * 2, backbone=only)
        v = both.values
        spared = both.mean_of((v[0] - v[1]) - (v[2] - v[3]))
    return RobustnessRow(
        task,
        backbone,
        name,
        column.removeprefix(ROBUST_PREFIX),
        pair.mean(1),
        pair.difference(),
        spared,
    )
