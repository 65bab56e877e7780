"""A table's numbers as words, for page, terminal and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping

from regard.experiments.tables.results import ClaimRow, TableColumn
from regard.report import number


def format_value(column: TableColumn, value: float) -> str:
    """A value as the table shows it: percent without its sign, large counts as 3.46k, changes with their sign."""
    if math.isnan(value):
        return ""
    plus = "+" if column.key == "relative_error" and value > 0 else ""
    if column.percent:
        return plus + number(100 * value, digits=1)
    if column.key in ("parameters", "flops"):
        for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= power:
                return f"{plus}{number(value / power, digits=2)}{letter}"
    return plus + number(value)


def format_interval(column: TableColumn, low: float, high: float) -> str:
    """An interval as the table shows it; empty where there is none or it has no width."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return ""
    ends = format_value(column, low), format_value(column, high)
    return "" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def column_title(column: TableColumn) -> str:
    """Label, unit, and which way is better."""
    unit = "%" if column.percent else column.unit
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[column.better]
    return column.label + (f", {unit}" if unit else "") + arrow


def format_p(p: float) -> str:
    """A p value as papers write it."""
    if math.isnan(p):
        return ""
    return "p < .0001" if p < 1e-4 else f"p = {p:.2g}".replace("0.", ".", 1)


def claim_sentence(claim: ClaimRow, labels: Mapping[str, str]) -> str:
    """A claim as a sentence; ``labels`` of columns by key."""
    by = labels.get(claim.by, claim.by)
    if claim.over:
        return f"{claim.better}: {by} is better than {labels.get(claim.over, claim.over)}"
    return f"{claim.better} is better than {claim.than} ({by})"
