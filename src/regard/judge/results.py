"""Reading the folder of `regard judge`: its table as the page and the terminal show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from regard.report import NAN, Score, listed, read_dataclass, verdict

_AGAIN = "judge again with `regard judge`"
GROUPS = {
    "faithfulness": "Does the prediction hang on what the map marks?",
    "location": "Is the map on the object? This says nothing of what the network uses.",
    "sanity": "Does the map change with the network?",
    "consistency": "Does the map stay when it should? A constant map does, always: its value is the control.",
}


@dataclass(frozen=True)
class JudgedModel:
    """The network."""

    name: str
    parameters: int


@dataclass(frozen=True)
class JudgedData:
    """The images."""

    name: str
    images: int


@dataclass(frozen=True)
class JudgedMethod:
    """One way to make maps, and its cost."""

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
    """One number, as it was asked of every method."""

    key: str
    label: str
    meaning: str
    group: str
    metric: str
    better: Literal["higher", "lower"] | None = None


@dataclass(frozen=True)
class JudgedRow:
    """One method's score in one measure."""

    method: str
    score: Score


@dataclass(frozen=True)
class Paired:
    """First minus second, image by image."""

    measure: str
    first: str
    second: str
    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Failed:
    """What could not be asked; metric "" where there are no maps at all. What broke is tried again next time."""

    method: str
    metric: str
    why: str
    broke: bool = False

    def __str__(self) -> str:
        return f"{self.method}{' ' + self.metric if self.metric else ''}: {self.why}"


@dataclass(frozen=True)
class Judged:
    """judge.json."""

    schema: Literal[1]
    model: JudgedModel
    data: JudgedData
    options: Mapping[str, object]
    methods: tuple[JudgedMethod, ...]
    measures: tuple[JudgedMeasure, ...]
    rows: tuple[JudgedRow, ...]
    comparisons: tuple[Paired, ...] = ()
    failed: tuple[Failed, ...] = ()

    def groups(self) -> dict[str, tuple[JudgedMeasure, ...]]:
        """Measures by group, in the order in which they are shown."""
        found = {group: tuple(m for m in self.measures if m.group == group) for group in GROUPS}
        return {group: measures for group, measures in found.items() if measures}

    def scores(self, measure: str) -> dict[str, Score]:
        """Method -> its score, labelled by the method."""
        return {
            row.method: replace(row.score, label=row.method, meaning="")
            for row in self.rows
            if row.score.key == measure
        }

    def best(self, measure: JudgedMeasure) -> str:
        """Which method leads, controls apart, and whom it leads clearly; empty where nothing is better."""
        contested = {c.first for c in self.comparisons if c.measure == measure.key}
        contested |= {c.second for c in self.comparisons if c.measure == measure.key}
        found = {name: s for name, s in self.scores(measure.key).items() if name in contested and s.value == s.value}
        if measure.better is None or len(found) < 2:
            return ""
        sign = 1 if measure.better == "higher" else -1
        first = max(found, key=lambda name: sign * found[name].value)
        clearly: list[str] = []
        not_clearly: list[str] = []
        for c in self.comparisons:
            if c.measure == measure.key and first in (c.first, c.second):
                low, high = (c.low, c.high) if c.first == first else (-c.high, -c.low)
                (clearly if (low > 0 if sign > 0 else high < 0) else not_clearly).append(
                    c.second if c.first == first else c.first
                )
        said = f"{first} leads"
        said += f", clearly ahead of {listed(clearly)}" if clearly else ", but clearly ahead of none"
        return said + (f"; not clearly ahead of {listed(not_clearly)}" if clearly and not_clearly else "") + "."


def beyond_floor(score: Score) -> str:
    """What the paired difference to the first floor allows to say; empty where there is none."""
    return "" if score.difference is None else verdict(score.difference, score.better)


def read_judged(folder: Path) -> Judged:
    """judge.json of a folder that `regard judge` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "judge.json", Judged, _AGAIN)
