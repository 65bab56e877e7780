"""(g) Do aligned networks lose less under noise, blur, compression, attacks?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.design import ROBUST
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import ALL, CELL_LIMITS, cells, conditions
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class RobustnessRow:
    """One condition of a cell under one disturbance.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: the arm.
        disturbance: its name.
        level: mean performance under it.
        loss: what it costs, paired by image.
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
    columns = [c for c in trials.measured() if c.startswith(ROBUST)]
    rows = [
        row
        for task, backbone in cells(trials)
        for name in conditions(trials, task, backbone)
        for column in columns
        if (row := _row(trials, task, backbone, name, column)) is not None
    ]
    return Robustness(
        tuple(rows),
        (
            *CELL_LIMITS,
            "A network that does badly has less to lose; read losses beside levels.",
            "`human` arms keep the gaze recorded on the undisturbed image.",
        ),
    )


def _row(trials: Trials, task: str, backbone: str, name: str, column: str) -> RobustnessRow | None:
    only, arm = None if backbone == ALL else backbone, Arm(name)
    pair = paired(trials, task, [arm] * 2, ["performance", column], backbone=only)
    if not pair.values.size:
        return None
    four = [Arm("implicit"), Arm("implicit"), arm, arm]
    both = paired(trials, task, four, ["performance", column] * 2, backbone=only)
    spared = Estimate(float("nan"))
    if name != "implicit":
        v = both.values
        spared = crossed_mean((v[0] - v[1]) - (v[2] - v[3]), both.backbone, left_out=both.left_out)
    return RobustnessRow(
        task,
        backbone,
        name,
        column.removeprefix(ROBUST),
        crossed_mean(pair.values[1], pair.backbone, left_out=pair.left_out),
        crossed_mean(pair.values[0] - pair.values[1], pair.backbone, left_out=pair.left_out),
        spared,
    )
