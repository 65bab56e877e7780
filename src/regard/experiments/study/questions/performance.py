"""(a) Performance of every network: task x backbone x condition."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from regard.experiments.stats import Estimate
from regard.experiments.study.contrasts import arm_difference
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import CELL_LIMITS, backbone_or_none, conditions_of, task_backbones
from regard.experiments.study.trials import Trials
from regard.metrics import corrected

_BASELINES = ("implicit", "none")


@dataclass(frozen=True)
class PerformanceRow:
    """One condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all` for the mean over them.
        condition: of the study.
        level: mean performance.
        gain: paired difference to the baseline; None for the baseline itself.
        p: two-sided p of the gain, Benjamini-Hochberg over the whole table; NaN where there is no gain.
    """

    task: str
    backbone: str
    condition: str
    level: Estimate
    gain: Estimate | None = None
    p: float = math.nan


@dataclass(frozen=True)
class PerformanceTable:
    """Answer (a).

    Attributes:
        rows: by task, backbone, condition.
        baseline: by task, what gains are over: `implicit`, or `none` where that is absent.
        limits: what the table cannot show.
    """

    rows: tuple[PerformanceRow, ...]
    baseline: dict[str, str]
    limits: tuple[str, ...]


def performance_table(trials: Trials) -> PerformanceTable:
    """Mean performance of every condition in every cell, and its gain over the baseline."""
    baseline: dict[str, str] = {}
    rows: list[PerformanceRow] = []
    for task, backbone in task_backbones(trials):
        names = conditions_of(trials, task, backbone)
        base = next((b for b in _BASELINES if b in names), None)
        if base is not None:
            baseline[task] = base
        only = backbone_or_none(backbone)
        for name in names:
            panel = paired(trials, task, [Arm(name)], backbone=only)
            if not panel.values.size:
                continue
            gain = None
            if base is not None and name != base:
                gain = arm_difference(trials, task, Arm(name), Arm(base), backbone=only)
            rows.append(PerformanceRow(task, backbone, name, panel.mean(), gain))
    return PerformanceTable(
        _with_p_values(rows),
        baseline,
        (
            *CELL_LIMITS,
            "`human`, `human-shuffled` and the doses use gaze at test: they are oracles, no usable networks.",
        ),
    )


def _with_p_values(rows: list[PerformanceRow]) -> tuple[PerformanceRow, ...]:
    raw = [None if row.gain is None or not row.gain.parts else row.gain.p_two_sided() for row in rows]
    p_values = corrected(raw, "fdr_bh")
    return tuple(replace(row, p=math.nan if p is None else p) for row, p in zip(rows, p_values, strict=True))
