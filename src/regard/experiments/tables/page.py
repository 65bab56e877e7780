"""The page of `regard table`: arms down, columns across, claims, tuning, and what was compared.

The table of arms in a terminal.

The table of arms for other programs: CSV and LaTeX.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.experiments.tables import results as words_of
from regard.experiments.tables.results import (
    TableColumn,
    Tabled,
    TableRow,
    between,
    claim_words,
    head,
    p_value,
    read_tabled,
    say,
    signed_column,
    sweep_charts,
)
from regard.report import duration, listed, plural, render_page, write_page


def write_tabled_page(folder: Path) -> Path:
    """Read ``table.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    tabled = read_tabled(folder)
    content = {"tabled": tabled, "summary": summary(tabled), "say": words_of, "charts": sweep_charts(tabled)}
    return write_page(folder, render_page("experiments/tables/page.html.j2", **content))


def summary(tabled: Tabled) -> str:
    """What was compared, in two sentences."""
    ran = sum(len(row.seeds) for row in tabled.rows)
    paired = "paired by seed and image" if len(tabled.seeds) > 1 else "with one seed, so nothing is said of retraining"
    return (
        f"{plural(len(tabled.rows), 'arm')}, {plural(len(tabled.seeds), 'seed')} each, {plural(ran, 'run')} in "
        f"{duration(tabled.seconds)} of one worker's time; differences are to {tabled.reference}, {paired}. The last "
        "epoch is reported, and beside it the best on validation images; nothing was chosen on test images."
    )


VERDICT = {"holds": "green", "refuted": "red", "open": "yellow"}
ARM, _COLUMN = 18, 17  # characters


def print_tabled(tabled: Tabled, console: Console | None = None) -> None:
    """Print arms down and columns across, as many as fit and the others below; then claims, and what failed."""
    console = console or Console()
    console.print(Text(tabled.title, style="bold"))
    across = max(1, (console.width - ARM) // _COLUMN)
    for start in range(0, len(tabled.columns), across):
        columns = tabled.columns[start : start + across]
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("arm", width=ARM - 2, overflow="fold")
        for column in columns:
            table.add_column(Text(head(column)), width=_COLUMN - 2, overflow="fold", justify="right")
        for row in tabled.rows:
            cells = []
            for column in columns:
                cell = row.cells.get(column.key)
                if cell is None or math.isnan(cell.value):
                    cells.append(Text("–", style="dim"))
                    continue
                sign = signed_column(column)
                text = Text(say(column, cell.value, sign), style="bold")
                interval = between(column, cell.low, cell.high, sign)
                if interval:
                    text.append(f"\n{interval}", style="not bold dim")
                cells.append(text)
            table.add_row(_arm(row, tabled.reference), *cells)
        console.print(table)
    for claim in tabled.claims:
        heads = {column.key: column.label for column in tabled.columns}
        said = f"{claim.verdict}: {claim_words(claim, heads)} {p_value(claim.p_holm)}".rstrip()
        console.print(Text(said, style=VERDICT[claim.verdict]))
    for row in tabled.rows:
        if row.missing:
            seeds = listed([str(seed) for seed in row.missing])
            console.print(Text(f"! {row.arm}: nothing for seed {seeds}", style="yellow"))
    for failed in tabled.failed:
        console.print(Text(f"! {failed.cell}: {failed.why.strip().splitlines()[-1]}", style="red"))
    console.print(
        Text(
            f"Means over seeds and test images, 95 % intervals; {duration(tabled.seconds)} of one worker's time.",
            style="dim",
        )
    )


def _arm(row: TableRow, reference: str) -> Text:
    text = Text(row.arm, style="bold" if row.arm == reference else "")
    against = row.difference
    if against is not None and not math.isnan(against.p_holm):
        clear = against.p_holm < 0.05
        text.append(f"\n{p_value(against.p_holm)}", style="green" if clear and against.value > 0 else "dim")
    return text


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
