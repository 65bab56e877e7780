"""A study's drawings: networks by similarity and performance, and performance under doses."""

from __future__ import annotations

from regard.report import charts
from regard.report.charts import Chart, Series
from regard.report.scatter import Place, Scatter, scatter
from regard.report.study_rows import metric_name
from regard.report.words import number
from regard.study.conditions import DOSES
from regard.study.questions.common import ALL
from regard.study.questions.dose import DoseResponse
from regard.study.questions.relation import Relations

ARM_STYLES = dict(zip(DOSES, ("main", "control", "second", "level"), strict=True))


def scatters(found: Relations) -> tuple[Scatter, ...]:
    """One drawing a task: every network with a learned map."""
    drawn = [
        scatter(
            r.task,
            [
                Place(
                    p.condition,
                    p.similarity,
                    p.performance,
                    f"{p.condition}, {p.backbone}, seed {p.seed}: {number(p.similarity)}, {number(p.performance)}",
                )
                for p in r.points
            ],
            xlabel=f"{metric_name(r.similarity)} (closer to the right)",
            ylabel="performance",
        )
        for r in found.tasks
    ]
    return tuple(s for s in drawn if s is not None)


def dose_charts(found: DoseResponse) -> tuple[Chart, ...]:
    """One drawing a cell: performance over the dose, one line an arm."""
    cells = list(dict.fromkeys((c.task, c.backbone) for c in found.curves))
    drawn = [
        charts.chart(
            f"{task}, {'all backbones' if backbone == ALL else backbone}",
            [
                Series(c.arm, c.alphas, [level.value for level in c.levels], ARM_STYLES[c.arm])
                for c in found.curves
                if (c.task, c.backbone) == (task, backbone)
            ],
            xlabel="α: 0 the human map, 1 none of it",
        )
        for task, backbone in cells
    ]
    return tuple(c for c in drawn if c is not None)
