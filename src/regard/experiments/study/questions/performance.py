"""(a) How well does each network do: task x backbone x condition."""

from __future__ import annotations

from dataclasses import dataclass

from statsmodels.stats.multitest import multipletests

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.contrasts import difference
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import ALL, CELL_LIMITS, cells, conditions
from regard.experiments.study.trials import Trials

_BASELINES = ("implicit", "none")


@dataclass(frozen=True)
class PerformanceRow:
    """One condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all` for the mean over them.
        condition: the arm.
        level: mean performance.
        gain: paired difference to the baseline; None for the baseline itself.
        p: two-sided p of the gain, Benjamini-Hochberg over the whole table; NaN where there is no gain.
    """

    task: str
    backbone: str
    condition: str
    level: Estimate
    gain: Estimate | None = None
    p: float = float("nan")


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


def performance(trials: Trials) -> PerformanceTable:
    """Mean performance of every condition in every cell, and its gain over the baseline."""
    baseline: dict[str, str] = {}
    rows: list[PerformanceRow] = []
    for task, backbone in cells(trials):
        present = conditions(trials, task, backbone)
        base = next((b for b in _BASELINES if b in present), None)
        if base is not None:
            baseline[task] = base
        only = None if backbone == ALL else backbone
        for name in present:
            panel = paired(trials, task, [Arm(name)], backbone=only)
            if not panel.values.size:
                continue
            level = crossed_mean(panel.values[0], panel.backbone, left_out=panel.left_out)
            gain = None
            if base is not None and name != base:
                gain = difference(trials, task, Arm(name), Arm(base), backbone=only)
            rows.append(PerformanceRow(task, backbone, name, level, gain))
    return PerformanceTable(
        _corrected(rows),
        baseline,
        (
            *CELL_LIMITS,
            "`human`, `human-shuffled` and the doses use gaze at test: they are oracles, not networks one could use.",
        ),
    )


def _corrected(rows: list[PerformanceRow]) -> tuple[PerformanceRow, ...]:
    found = [k for k, row in enumerate(rows) if row.gain is not None and row.gain.parts]
    raw = [2 * min(e.p_above(0.0), e.p_below(0.0)) for k in found if (e := rows[k].gain) is not None]
    p = dict(zip(found, multipletests(raw, method="fdr_bh")[1], strict=True)) if raw else {}
    return tuple(
        PerformanceRow(r.task, r.backbone, r.condition, r.level, r.gain, float(p.get(k, float("nan"))))
        for k, r in enumerate(rows)
    )
