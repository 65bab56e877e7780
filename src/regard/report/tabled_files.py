"""The table of arms for other programs: CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math

from regard.report.tabled import TableColumn, Tabled, between, say, signed_column

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
DIRECTION = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}


def csv_of(tabled: Tabled) -> str:
    """One line an arm: every column with its interval, in full precision; empty where undefined."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    keys = [column.key for column in tabled.columns]
    heads = [f"{key}{end}" for key in keys for end in ("", "_low", "_high")]
    writer.writerow(["arm", "seeds", *heads, "difference", "difference_low", "difference_high", "p_holm"])
    for row in tabled.rows:
        numbers: list[float] = []
        for key in keys:
            cell = row.cells.get(key)
            numbers += [math.nan] * 3 if cell is None else [cell.value, cell.low, cell.high]
        against = row.difference
        numbers += [math.nan] * 4 if against is None else [against.value, against.low, against.high, against.p_holm]
        writer.writerow([row.arm, len(row.seeds), *("" if math.isnan(x) else repr(x) for x in numbers)])
    return held.getvalue()


def latex_of(tabled: Tabled) -> str:
    """A booktabs table; the caption says what stands in it."""
    heads = " & ".join(["", *(_head(column) for column in tabled.columns)])
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(tabled.title)}. Means over {len(tabled.seeds)} seeds and the test images; "
        r"95\,\% intervals in brackets.}",
        rf"\begin{{tabular}}{{l{'r' * len(tabled.columns)}}}",
        r"\toprule",
        heads + r" \\",
        r"\midrule",
    ]
    for row in tabled.rows:
        cells = [escape(row.arm)]
        for column in tabled.columns:
            cell, sign = row.cells.get(column.key), signed_column(column)
            if cell is None or math.isnan(cell.value):
                cells.append("--")
                continue
            interval = between(column, cell.low, cell.high, sign)
            said = f" [{interval.replace(' to ', ', ')}]" if interval else ""
            cells.append(f"{say(column, cell.value, sign)}{said}".replace("−", "$-$"))
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _head(column: TableColumn) -> str:
    unit = r"\,\%" if column.percent else f", {escape(column.unit)}" if column.unit else ""
    return escape(column.label) + unit + DIRECTION[column.better]


def escape(text: str) -> str:
    """Text in which nothing is a command."""
    return "".join(LATEX.get(letter, letter) for letter in text)
