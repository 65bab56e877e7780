"""The results of a judgement: from the folder's cells to one table with floors, intervals, costs and comparisons.

``judge.json`` is `JudgeResults`, written and read by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from regard.evaluation import Sample, entry, reference
from regard.explain import METHODS
from regard.judge.case import JudgeOptions
from regard.judge.folder import JUDGE_FILE, JudgeFolder
from regard.judge.measures import METRICS
from regard.judge.subject import Subject
from regard.metrics import paired_difference
from regard.report import NAN, Score, from_json, listed, read_dataclass, to_json, verdict, write_dataclass

if TYPE_CHECKING:
    import pandas as pd

_DRAWS = 1000
GROUPS = {
    "faithfulness": "Does the prediction depend on what the map marks?",
    "location": "Is the map on the object? This does not show what the network uses.",
    "sanity": "Does the map change with the network?",
    "consistency": "Does the map stay when it should? A constant map always does: its value is the control.",
}


@dataclass(frozen=True)
class JudgedModel:
    """The network."""

    name: str
    parameters: int


@dataclass(frozen=True)
class JudgedData:
    """The images: data set or folder, their number and names; and why files that were to be among them were not."""

    name: str
    images: int
    names: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedMethod:
    """A method with the unit, grid (h, w) and cost of its maps; ``constant`` counts maps of one value everywhere."""

    name: str
    summary: str
    control: bool
    unit: str
    grid: tuple[int, ...]
    seconds_an_image: float
    forwards_an_image: float
    constant: int


@dataclass(frozen=True)
class JudgedMeasure:
    """One number that was taken of every method's maps."""

    key: str
    label: str
    meaning: str
    group: str
    metric: str
    better: Literal["higher", "lower"] | None = None


@dataclass(frozen=True)
class JudgedScore:
    """One method's score in one measure."""

    method: str
    score: Score


@dataclass(frozen=True)
class MethodDifference:
    """First method minus second in one measure, paired by image."""

    measure: str
    first: str
    second: str
    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Failure:
    """A method (metric "") or a pair without result; ``broke`` marks an error that the next call tries again."""

    method: str
    metric: str
    why: str
    broke: bool = False

    def __str__(self) -> str:
        return f"{self.method}{' ' + self.metric if self.metric else ''}: {self.why}"


@dataclass(frozen=True, repr=False)
class JudgeResults:
    """What `regard.judge` returns and ``judge.json`` holds.

    Attributes:
        model: the network.
        data: the images.
        options: settings that decide the numbers.
        methods: those with maps, in the order in which they were requested.
        measures: every number that was taken.
        rows: a score per method and measure.
        comparisons: paired differences of any two methods, controls apart.
        failed: what has no result, and why.
        asked: requested methods and metrics.
    """

    schema: Literal[1]
    model: JudgedModel
    data: JudgedData
    options: Mapping[str, object]
    methods: tuple[JudgedMethod, ...]
    measures: tuple[JudgedMeasure, ...]
    rows: tuple[JudgedScore, ...]
    comparisons: tuple[MethodDifference, ...] = ()
    failed: tuple[Failure, ...] = ()
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"JudgeResults({self.model.name!r} on {self.data.images} images of {self.data.name!r}: "
            f"{len(self.methods)} methods, {len(self.measures)} measures{failed})"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per method and measure: value, interval, first floor, and the paired difference to that floor."""
        import pandas as pd

        rows = []
        for row in self.rows:
            score, difference = row.score, row.score.difference
            floor = next((r.value for r in score.references if r.role == "floor"), NAN)
            rows.append(
                {"method": row.method, "measure": score.key, "better": score.better}
                | {"value": score.value, "low": score.low, "high": score.high, "n": score.n, "floor": floor}
                | {"minus_floor": NAN if difference is None else difference.value, "verdict": beyond_floor(score)}
            )
        return pd.DataFrame(rows)

    def groups(self) -> dict[str, tuple[JudgedMeasure, ...]]:
        """Measures by group, in the order in which they are shown."""
        by_group = {group: tuple(m for m in self.measures if m.group == group) for group in GROUPS}
        return {group: measures for group, measures in by_group.items() if measures}

    def scores(self, measure: str) -> dict[str, Score]:
        """Method -> its score, labelled by the method."""
        rows = (row for row in self.rows if row.score.key == measure)
        return {row.method: replace(row.score, label=row.method, meaning="") for row in rows}

    def best(self, measure: JudgedMeasure) -> str:
        """A sentence: the method that leads, controls apart, and those it leads clearly; empty without a direction."""
        pairs = [c for c in self.comparisons if c.measure == measure.key]
        contestants = {name for c in pairs for name in (c.first, c.second)}
        values = {name: s.value for name, s in self.scores(measure.key).items() if name in contestants}
        values = {name: value for name, value in values.items() if not math.isnan(value)}
        if measure.better is None or len(values) < 2:
            return ""
        sign = 1 if measure.better == "higher" else -1
        leader = max(values, key=lambda name: sign * values[name])
        ahead: dict[bool, list[str]] = {True: [], False: []}
        for c in pairs:
            if leader in (c.first, c.second):
                low, high = (c.low, c.high) if c.first == leader else (-c.high, -c.low)
                ahead[low > 0 if sign > 0 else high < 0].append(c.second if c.first == leader else c.first)
        if not ahead[True]:
            return f"{leader} leads, but clearly ahead of none."
        others = f"; not clearly ahead of {listed(ahead[False])}" if ahead[False] else ""
        return f"{leader} leads, clearly ahead of {listed(ahead[True])}{others}."


def beyond_floor(score: Score) -> str:
    """The verdict on the paired difference to the first floor; empty where there is none."""
    return "" if score.difference is None else verdict(score.difference, score.better)


def read_judge_results(folder: Path) -> JudgeResults:
    """``judge.json`` of a folder that `regard judge` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / JUDGE_FILE, JudgeResults, "judge again with `regard judge`")


def write_judge_results(folder: JudgeFolder, subject: Subject, sample: Sample, options: JudgeOptions) -> JudgeResults:
    """Collects the folder's cells, writes ``judge.json`` and returns its content."""
    methods: list[JudgedMethod] = []
    rows: list[JudgedScore] = []
    failed: list[Failure] = []
    measures: dict[str, JudgedMeasure] = {}
    values: dict[tuple[str, str], Tensor] = {}
    for method in options.methods:
        facts = folder.map_facts(method) or {}
        if "error" in facts:
            failed.append(Failure(method, "", facts["error"], facts.get("broke", False)))
            continue
        about = {"name": method, "summary": METHODS[method].summary, "control": METHODS[method].control}
        methods.append(from_json(JudgedMethod, about | facts))
        for metric in options.metrics:
            cell = folder.read_cell(method, metric) or {"measures": []}
            if "error" in cell:
                failed.append(Failure(method, metric, cell["error"], cell.get("broke", False)))
                continue
            for measure in cell["measures"]:
                key, group = measure["key"], METRICS[metric].group
                measures.setdefault(key, from_json(JudgedMeasure, measure | {"group": group, "metric": metric}))
                values[method, key] = _tensor(measure["values"])
                rows.append(JudgedScore(method, _score(measure, values[method, key])))
    contestants = [method.name for method in methods if not method.control]
    results = JudgeResults(
        schema=1,
        model=JudgedModel(subject.name, sum(p.numel() for p in subject.model.parameters())),
        data=JudgedData(sample.source, len(sample.images), tuple(sample.names), sample.damaged),
        options=to_json(options.fixed()),
        methods=tuple(methods),
        measures=tuple(measures.values()),
        rows=tuple(rows),
        comparisons=_comparisons(contestants, list(measures.values()), values),
        failed=tuple(failed),
        asked=options.requested(),
    )
    write_dataclass(folder.path / JUDGE_FILE, results)
    return results


def _comparisons(
    methods: list[str], measures: list[JudgedMeasure], values: Mapping[tuple[str, str], Tensor]
) -> tuple[MethodDifference, ...]:
    """Every pair of methods in every measure that has a better direction."""
    rows = []
    for measure in measures:
        measured = [m for m in methods if (m, measure.key) in values and measure.better is not None]
        for first, second in combinations(measured, 2):
            d = paired_difference(values[first, measure.key], values[second, measure.key], draws=_DRAWS)
            if math.isfinite(d.mean):
                rows.append(MethodDifference(measure.key, first, second, d.mean, d.low, d.high))
    return tuple(rows)


def _score(measure: Mapping[str, Any], values: Tensor) -> Score:
    floors = {label: _tensor(floor) for label, floor in measure["floors"].items()}
    references = [reference(label, "floor", floor) for label, floor in floors.items()]
    references += [reference(label, "control", value) for label, value in measure["controls"].items()]
    return entry(
        measure["key"],
        "faithfulness",
        measure["label"],
        measure["meaning"],
        values,
        better=measure["better"],
        reasons={measure["undefined"]: int(values.isnan().sum())},
        references=references,
        against=next(iter(floors.items()), None),
    )


def _tensor(values: list[float | None]) -> Tensor:
    return torch.tensor([math.nan if v is None else v for v in values], dtype=torch.float64)
