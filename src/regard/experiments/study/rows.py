"""Answers of a study as the rows in which all pages show scores.

A study's drawings: networks by similarity and performance, and performance under doses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from regard.experiments.stats import Estimate
from regard.experiments.study.design import DOSES
from regard.experiments.study.questions.common import ALL
from regard.experiments.study.questions.dose import DoseResponse
from regard.experiments.study.questions.performance import PerformanceRow
from regard.experiments.study.questions.relation import Relations
from regard.experiments.study.questions.similarity import SimilarityRow
from regard.experiments.study.questions.transparency import TransparencyRow
from regard.experiments.study.verdicts import Finding
from regard.metrics.fixation import LOWER_IS_BETTER
from regard.report import (
    Chart,
    Difference,
    Group,
    Reference,
    Scatter,
    ScatterPoint,
    Score,
    Series,
    chart,
    interval_text,
    number,
    scatter,
)
from regard.score import METRIC_LABELS

R = TypeVar("R", PerformanceRow, SimilarityRow, TransparencyRow)
SESOI = "smallest effect of interest"


def finding_row(finding: Finding) -> Score:
    """A contrast beside the smallest effect of interest."""
    c, e = finding.contrast, finding.estimate
    return _score(
        key=c.said,
        group="prediction",
        label=c.said + (f" ({finding.case})" if finding.case else ""),
        estimate=e,
        meaning=f"{e.seeds} seeds a backbone, {e.runs} runs. p of {c.sesoi:g} or more: {finding.evidence.support:.2g}; "
        f"of less: {finding.evidence.against:.2g}; of nothing, ±{c.bound:g}: {finding.evidence.equivalent:.2g}."
        if e.parts
        else "",
        references=(Reference(SESOI, "control", c.sesoi), Reference("none", "floor", 0.0)),
        better=None,
    )


def performance_row(row: PerformanceRow, baseline: str, said: str) -> Score:
    """A condition's performance with its gain over the baseline."""
    gain = None if row.gain is None else _difference(f"minus {baseline}, paired", row.gain)
    return _score(row.condition, "prediction", row.condition, row.level, said, difference=gain)


def similarity_row(row: SimilarityRow) -> Score:
    """A condition's similarity among its floors and ceiling."""
    a = row.anchors
    references = (
        _reference("random map", "floor", a.random),
        _reference("centre prior", "floor", a.center),
        _reference("other observers", "ceiling", a.observers),
    )
    s = row.share
    said = f"{100 * s.value:.0f} % of the way from the centre prior to other observers" if s.value == s.value else ""
    said += f" ({100 * s.low:.0f} to {100 * s.high:.0f})." if s.low == s.low else "." if said else ""
    beyond = row.beyond_shuffled
    if beyond.value == beyond.value:
        said += (
            f" Minus {row.condition}-shuffled, paired: {number(beyond.value)} {interval_text(beyond.low, beyond.high)}."
        )
    return _score(
        row.condition,
        "gaze",
        row.condition,
        row.value,
        said,
        references=tuple(r for r in references if r is not None),
        difference=_difference("minus centre prior, paired", row.beyond_center),
        better="lower" if row.metric in LOWER_IS_BETTER else "higher",
    )


def transparency_row(row: TransparencyRow) -> Score:
    """A learned map's faithfulness beside that of `implicit`."""
    floor = _reference("random map", "floor", row.random)
    return _score(
        row.condition,
        "faithfulness",
        row.condition,
        row.faithfulness,
        references=() if floor is None else (floor,),
        difference=_difference("minus implicit, paired", row.against_implicit),
    )


def metric_name(metric: str) -> str:
    """As on the page of `regard score`."""
    return {"ig": "Information gain"}.get(metric, METRIC_LABELS[metric][0] if metric in METRIC_LABELS else metric)


def of_cell(rows: Sequence[R], task: str, backbone: str) -> list[R]:
    """Rows of one task and backbone, in order."""
    return [row for row in rows if (row.task, row.backbone) == (task, backbone)]


def _score(
    key: str,
    group: Group,
    label: str,
    estimate: Estimate,
    meaning: str = "",
    *,
    references: tuple[Reference, ...] = (),
    difference: Difference | None = None,
    better: object = "higher",
) -> Score:
    return Score(
        key=key,
        group=group,
        label=label,
        value=estimate.value,
        meaning=meaning,
        better=better,  # type: ignore[arg-type]
        low=estimate.low,
        high=estimate.high,
        n=estimate.images,
        undefined=dict(estimate.left_out),
        references=references,
        difference=difference,
    )


def _difference(label: str, estimate: Estimate) -> Difference | None:
    return None if estimate.value != estimate.value else Difference(label, estimate.value, estimate.low, estimate.high)


def _reference(label: str, role: object, estimate: Estimate) -> Reference | None:
    if estimate.value != estimate.value:
        return None
    return Reference(label, role, estimate.value, estimate.low, estimate.high)  # type: ignore[arg-type]


ARM_STYLES = dict(zip(DOSES, ("main", "control", "second", "level"), strict=True))


def scatters(found: Relations) -> tuple[Scatter, ...]:
    """One drawing a task: every network with a learned map."""
    drawn = [
        scatter(
            r.task,
            [
                ScatterPoint(
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
        chart(
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
