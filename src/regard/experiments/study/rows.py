"""A study's results as scores with their references, scatter plots and dose curves, for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from regard.experiments.stats import Estimate
from regard.experiments.study.design import DISTANCES, DOSES
from regard.experiments.study.panel import ALL_BACKBONES
from regard.experiments.study.questions import DoseResponse, PerformanceRow, SimilarityRow, TransparencyRow
from regard.experiments.study.relation import Relations
from regard.experiments.study.verdicts import Finding
from regard.plot import ScatterPoint, Series
from regard.report import Chart, Difference, Group, Reference, Score, chart, interval_text, number, scatter_chart
from regard.score import METRIC_LABELS

R = TypeVar("R", PerformanceRow, SimilarityRow, TransparencyRow)
_DOSE_STYLES = dict(zip(DOSES, ("main", "control", "second", "level"), strict=True))


def finding_row(finding: Finding) -> Score:
    """A contrast beside the smallest effect of interest."""
    f, meaning = finding, ""
    if not math.isnan(f.low):
        meaning = f"{f.seeds} seeds per backbone, {f.runs} runs."
    if not math.isnan(f.p_support):
        meaning += (
            f" p of {f.sesoi:g} or more: {f.p_support:.2g}; of less: {f.p_against:.2g}; "
            f"of nothing, ±{f.bound:g}: {f.p_equivalent:.2g}."
        )
    references = (Reference("smallest effect of interest", "control", f.sesoi), Reference("none", "floor", 0.0))
    label = f.contrast + (f" ({f.case})" if f.case else "")
    return _score(f.contrast, "prediction", f, label=label, meaning=meaning.strip(), references=references, better=None)


def performance_row(row: PerformanceRow, baseline: str, meaning: str) -> Score:
    """A condition's performance with its gain over the baseline."""
    gain = None if row.gain is None else _difference(f"minus {baseline}, paired", row.gain)
    return _score(row.condition, "prediction", row.level, meaning=meaning, difference=gain)


def similarity_row(row: SimilarityRow) -> Score:
    """A condition's similarity among its floors and ceiling."""
    anchors = row.anchors
    references = (
        *_reference("random map", "floor", anchors.random),
        *_reference("centre prior", "floor", anchors.center),
        *_reference("other observers", "ceiling", anchors.observers),
    )
    share, meaning = row.share, ""
    if not math.isnan(share.value):
        meaning = f"{100 * share.value:.0f} % of the way from the centre prior to other observers"
        meaning += "." if math.isnan(share.low) else f" ({100 * share.low:.0f} to {100 * share.high:.0f})."
    beyond = row.beyond_shuffled
    if not math.isnan(beyond.value):
        ends = interval_text(beyond.low, beyond.high)
        meaning += f" Minus {row.condition}-shuffled, paired: {number(beyond.value)} {ends}."
    return _score(
        row.condition,
        "gaze",
        row.value,
        meaning=meaning.strip(),
        references=references,
        difference=_difference("minus centre prior, paired", row.beyond_center),
        better="lower" if row.metric in DISTANCES else "higher",
    )


def transparency_row(row: TransparencyRow) -> Score:
    """The faithfulness of a learned map, compared with `implicit`."""
    floor = _reference("random map", "floor", row.random)
    beyond = _difference("minus implicit, paired", row.against_implicit)
    return _score(row.condition, "faithfulness", row.faithfulness, references=floor, difference=beyond)


def metric_name(metric: str) -> str:
    """The metric's label, as on the page of `regard score`."""
    return {"ig": "Information gain"}.get(metric, METRIC_LABELS[metric][0] if metric in METRIC_LABELS else metric)


def of_cell(rows: Sequence[R], task: str, backbone: str) -> list[R]:
    """Rows of one task and backbone, in order."""
    return [row for row in rows if (row.task, row.backbone) == (task, backbone)]


def scatters(relations: Relations) -> tuple[Chart, ...]:
    """One scatter plot per task: similarity and performance of every network with a learned map."""
    plots = [
        scatter_chart(
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
        for r in relations.tasks
    ]
    return tuple(plot for plot in plots if plot is not None)


def dose_charts(response: DoseResponse) -> tuple[Chart, ...]:
    """One chart per task and backbone: performance over the dose, one line per arm."""
    plots = [
        chart(
            f"{task}, {'all backbones' if backbone == ALL_BACKBONES else backbone}",
            [
                Series(c.arm, c.alphas, [level.value for level in c.levels], _DOSE_STYLES[c.arm])
                for c in response.curves
                if (c.task, c.backbone) == (task, backbone)
            ],
            xlabel="α: 0 the human map, 1 none of it",
        )
        for task, backbone in dict.fromkeys((c.task, c.backbone) for c in response.curves)
    ]
    return tuple(plot for plot in plots if plot is not None)


def _score(key: str, group: Group, estimate: Estimate, **fields: Any) -> Score:
    e = estimate
    fields = {"label": key, "better": "higher"} | fields
    return Score(key, group, value=e.value, low=e.low, high=e.high, n=e.images, undefined=dict(e.left_out), **fields)


def _difference(label: str, estimate: Estimate) -> Difference | None:
    return None if math.isnan(estimate.value) else Difference(label, estimate.value, estimate.low, estimate.high)


def _reference(label: str, role: Literal["floor", "ceiling"], e: Estimate) -> tuple[Reference, ...]:
    """None where the estimate is undefined."""
    return () if math.isnan(e.value) else (Reference(label, role, e.value, e.low, e.high),)
