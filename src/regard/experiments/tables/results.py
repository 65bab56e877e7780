"""Reading table.json of `regard table` and `regard sweep`, and its numbers as words.

A sweep's charts: everything against the bits that pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from regard.report import NAN, Chart, Series, chart, number, read_dataclass

_AGAIN = "make it again with `regard table`"


@dataclass(frozen=True)
class TableColumn:
    """A column's head."""

    key: str
    label: str
    meaning: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    percent: bool = False


@dataclass(frozen=True)
class TableCell:
    """A mean over seeds and images, with its interval."""

    value: float
    low: float = NAN
    high: float = NAN
    seeds: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Against:
    """Arm minus reference, in accuracy, paired by seed and image."""

    value: float
    low: float = NAN
    high: float = NAN
    seeds: int = 0
    p: float = NAN
    p_holm: float = NAN


@dataclass(frozen=True)
class Tuned:
    """What tuning found for an arm."""

    field: str
    accuracy: tuple[tuple[object, ...], ...]
    chosen: object = None


@dataclass(frozen=True)
class TableRow:
    """An arm."""

    arm: str
    changes: Mapping[str, object]
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    cells: Mapping[str, TableCell | None]
    difference: Against | None = None
    tuned: Tuned | None = None


@dataclass(frozen=True)
class ClaimRow:
    """A claim put to the test."""

    better: str
    than: str
    by: str
    verdict: Literal["holds", "refuted", "open"]
    value: float
    low: float = NAN
    high: float = NAN
    seeds: int = 0
    p_holm: float = NAN
    over: str = ""


@dataclass(frozen=True)
class FailedCell:
    """A cell without a result."""

    cell: str
    why: str


@dataclass(frozen=True)
class Made:
    """With what some of the cells were trained."""

    commit: str
    versions: Mapping[str, str]
    hardware: Mapping[str, object]
    cells: int


@dataclass(frozen=True)
class Tabled:
    """table.json."""

    schema: Literal[1]
    name: str
    title: str
    reference: str
    seeds: tuple[int, ...]
    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...]
    claims: tuple[ClaimRow, ...] = ()
    failed: tuple[FailedCell, ...] = ()
    seconds: float = NAN
    swept: str | None = None
    made: tuple[Made, ...] = ()

    def column(self, key: str) -> TableColumn | None:
        """A column that is shown, by its key."""
        return next((column for column in self.columns if column.key == key), None)


def read_tabled(folder: Path) -> Tabled:
    """table.json of a folder that `regard table` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "table.json", Tabled, _AGAIN)


def say(column: TableColumn, value: float, sign: bool = False) -> str:
    """A value as the table has it: percent without the sign for it, large counts in millions."""
    if math.isnan(value):
        return ""
    plus = "+" if sign and value > 0 else ""
    if column.percent:
        return plus + number(100 * value, digits=1)
    if column.key in ("parameters", "flops"):
        for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= power:
                return f"{plus}{number(value / power, digits=2)}{letter}"
    return plus + number(value)


def between(column: TableColumn, low: float, high: float, sign: bool = False) -> str:
    """An interval as the table has it; nothing where there is none or it has no width."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return ""
    ends = say(column, low, sign), say(column, high, sign)
    return "" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def head(column: TableColumn) -> str:
    """Label, unit, and which way is better."""
    unit = "%" if column.percent else column.unit
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[column.better]
    return column.label + (f", {unit}" if unit else "") + arrow


def signed_column(column: TableColumn) -> bool:
    """Whether values are changes and always carry a sign."""
    return column.key == "relative_error"


def p_value(p: float) -> str:
    """P as people write it."""
    if math.isnan(p):
        return ""
    return "p < .0001" if p < 1e-4 else f"p = {p:.2g}".replace("0.", ".", 1)


def claim_words(claim: ClaimRow, columns: Mapping[str, str]) -> str:
    """A claim as a sentence."""
    if claim.over:
        return f"{claim.better}: {columns.get(claim.by, claim.by)} is better than {columns.get(claim.over, claim.over)}"
    return f"{claim.better} is better than {claim.than} ({columns.get(claim.by, claim.by)})"


Drawn = tuple[tuple[str, str, str], ...]
CHARTS: dict[str, Drawn] = {
    "Information plane: bits about the label": (
        ("label_bits", "lower bound on I(Z;Y)", "main"),
        ("label_entropy_bits", "H(Y)", "level"),
    ),
    "Accuracy": (("accuracy_mean", "mean", "main"), ("accuracy_one_sample", "one sample", "second")),
    "Map code length, bits": (("code_bits", "map code", "main"),),
    "Gate price, bits": (("gate_bits", "gate", "main"),),
    "Energy of the map inside the object": (
        ("energy_inside", "map", "main"),
        ("area_share", "a uniform map", "control"),
    ),
    "Deletion gap": (("deletion_gap", "map", "main"), ("deletion_gap_random", "random maps", "control")),
    "Calibration error": (
        ("calibration_error", "mean prediction", "main"),
        ("calibration_floor", "if calibrated", "control"),
    ),
    "Unknown images by rate alone, AUROC": (("unknown_auroc", "rate", "main"), ("", "chance", "level")),
}
"""Title -> (column, label, style) of each line; no column is one half."""
AXES = (("latent_bits", "latent rate, bits"), ("gate_bits", "gate price, bits"))


def sweep_charts(tabled: Tabled) -> tuple[Chart, ...]:
    """A chart for everything that was measured; none of a table whose arms are no values of one field."""
    if tabled.swept is None:
        return ()
    xs, xlabel = axis(tabled)
    order = sorted((i for i, x in enumerate(xs) if math.isfinite(x)), key=xs.__getitem__)
    drawn = []
    for title, lines in CHARTS.items():
        series = []
        for key, label, style in lines:
            y = [0.5 if not key else value(tabled, i, key) for i in order]
            series.append(Series(label, [xs[i] for i in order], y, style))
        if any(math.isfinite(y) for y in series[0].y):
            drawn.append(chart(title, series, xlabel=xlabel))
    return tuple(chart for chart in drawn if chart is not None)


def axis(tabled: Tabled) -> tuple[list[float], str]:
    """Bits of every arm that has them, else the field's own values, else their places."""
    count = range(len(tabled.rows))
    for key, label in AXES:
        xs = [value(tabled, i, key) for i in count]
        if sum(math.isfinite(x) for x in xs) > 1:
            return xs, label
    own = [row.changes.get(tabled.swept or "") for row in tabled.rows]
    if all(isinstance(x, int | float) for x in own):
        return [float(x) for x in own], str(tabled.swept)  # type: ignore[arg-type]
    return [float(i) for i in count], f"{tabled.swept}, in order"


def value(tabled: Tabled, row: int, key: str) -> float:
    """A number of the table; NaN where there is none."""
    cell = tabled.rows[row].cells.get(key)
    return math.nan if cell is None else cell.value
