"""A table's numbers as words, and the table in a terminal, as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.experiments.tables.results import (
    TUNING_IMAGES,
    Claim,
    ClaimRow,
    TableColumn,
    TableResults,
    TableRow,
    TuningTrials,
)
from regard.files import csv_name
from regard.report import Terminal, duration, interval_text, listed, number, plural, signed

_OLD_WORDS = {"holds": "better", "refuted": "worse", "open": "not settled"}
_VERDICT_STYLE = {"better": "green", "worse": "red", "equal": "blue", "not settled": "yellow"}
ARMS_AND_CELLS = (
    "An arm is one setting of the recipe; it is trained once with every seed, and each of these trainings is a cell."
)
CLAIMS_NOTE = (
    "Primary claims were named beforehand and are corrected for their number (Holm); exploratory ones are not "
    "corrected and settle nothing by themselves. Seen from: the smallest difference that is found with a power of 80 %."
)
_ARM_WIDTH, _COLUMN_WIDTH = 18, 17  # characters
_LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_LATEX_ARROW = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}


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


def claim_sentence(claim: Claim, labels: Mapping[str, str]) -> str:
    """What is compared; ``labels`` of columns by key."""
    by = labels.get(claim.by, claim.by)
    if claim.over:
        return f"{claim.better}: {by} against {labels.get(claim.over, claim.over)}"
    return f"{claim.better} against {claim.than} ({by})"


def verdict_words(claim: ClaimRow) -> str:
    """Better, worse, equal within a bound, or not settled; ``better`` is what the claim says, whichever way that is."""
    word = _OLD_WORDS.get(claim.verdict, claim.verdict)
    return f"equal within {number(claim.within or math.nan)}" if word == "equal" else word


def claim_role(claim: ClaimRow) -> str:
    """Primary or exploratory; empty for files of version 0.1, which corrected every claim for the number of all."""
    return "primary" if claim.primary else "" if not math.isnan(claim.p_holm) else "exploratory"


def claim_p(claim: ClaimRow) -> str:
    """The p value behind the verdict: of two one-sided tests where the verdict is equality."""
    if claim.verdict == "equal":
        return format_p(claim.p_equal)
    return format_p(claim.p if math.isnan(claim.p_holm) else claim.p_holm)


def claim_line(claim: ClaimRow, labels: Mapping[str, str]) -> str:
    """A claim with its verdict, difference, p value, role, and the smallest difference that could have been seen."""
    interval = interval_text(claim.low, claim.high, True)
    difference = "" if math.isnan(claim.value) else signed(claim.value) + (f" ({interval})" if interval else "")
    visible = "" if math.isnan(claim.visible) else f"seen from {number(claim.visible)}"
    facts = ", ".join(fact for fact in (difference, claim_p(claim), claim_role(claim), visible) if fact)
    return f"{verdict_words(claim)}: {claim_sentence(claim, labels)}" + (f": {facts}" if facts else "")


def tuned_words(tuned: TuningTrials) -> str:
    """The chosen value, and what speaks against it."""
    if tuned.chosen is None:
        return "none: a trial failed"
    words = str(tuned.chosen)
    if tuned.extended:
        words += f", after {plural(tuned.extended, 'further value')}"
    if tuned.edge:
        words += f"; the {tuned.edge} of all tried: a better one may lie beyond"
    if 0 < tuned.images <= TUNING_IMAGES:
        words += f"; on {plural(tuned.images, 'validation image')} alone, more than {TUNING_IMAGES} are needed"
    return words


def print_table(results: TableResults, console: Console | None = None) -> None:
    """Print arms down and columns across, as many as fit and the others below; then claims, and what failed."""
    console = console or Terminal()
    console.print(Text(results.title, style="bold"))
    across = max(1, (console.width - _ARM_WIDTH) // _COLUMN_WIDTH)
    for start in range(0, len(results.columns), across):
        columns = results.columns[start : start + across]
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("arm", width=_ARM_WIDTH - 2, overflow="fold")
        for column in columns:
            table.add_column(Text(column_title(column)), width=_COLUMN_WIDTH - 2, overflow="fold", justify="right")
        for row in results.rows:
            table.add_row(_arm(row, results.reference), *(_cell(row, column) for column in columns))
        console.print(table)
    labels = {column.key: column.label for column in results.columns}
    for claim in results.claims:
        style = _VERDICT_STYLE[_OLD_WORDS.get(claim.verdict, claim.verdict)]
        console.print(Text(claim_line(claim, labels), style=style if claim_role(claim) != "exploratory" else "dim"))
    if results.claims:
        console.print(Text(CLAIMS_NOTE, style="dim"))
    for row in results.rows:
        if row.tuned is not None and (row.tuned.edge or 0 < row.tuned.images <= TUNING_IMAGES):
            console.print(Text(f"! {row.arm}: {row.tuned.field} {tuned_words(row.tuned)}", style="yellow"))
    for row in results.rows:
        if row.missing:
            seeds = listed([str(seed) for seed in row.missing])
            console.print(Text(f"! {row.arm}: no result for seed {seeds}", style="yellow"))
    for failed in results.failed:
        console.print(Text(f"! {failed.cell}: {failed.why.strip().splitlines()[-1]}", style="red"))
    console.print(
        Text(
            f"Means over seeds and test images, 95 % intervals; {duration(results.seconds)} of one worker's time. "
            f"{ARMS_AND_CELLS} report.html explains every column.",
            style="dim",
        )
    )


def _cell(row: TableRow, column: TableColumn) -> Text:
    cell = row.cells.get(column.key)
    if cell is None or math.isnan(cell.value):
        return Text("–", style="dim")
    text = Text(format_value(column, cell.value), style="bold")
    interval = format_interval(column, cell.low, cell.high)
    return text.append(f"\n{interval}", style="not bold dim") if interval else text


def _arm(row: TableRow, reference: str) -> Text:
    text = Text(row.arm, style="bold" if row.arm == reference else "")
    difference = row.difference
    if difference is not None and not math.isnan(difference.p_holm):
        better = difference.p_holm < 0.05 and difference.value > 0
        text.append(f"\n{format_p(difference.p_holm)}", style="green" if better else "dim")
    return text


def table_csv(results: TableResults) -> str:
    """One line per arm: every column with its interval, in full precision; empty where undefined."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    keys = [column.key for column in results.columns]
    titles = [f"{key}{end}" for key in keys for end in ("", "_low", "_high")]
    writer.writerow(["arm", "seeds", *titles, "difference", "difference_low", "difference_high", "p_holm"])
    for row in results.rows:
        numbers: list[float] = []
        for key in keys:
            cell = row.cells.get(key)
            numbers += [math.nan] * 3 if cell is None else [cell.value, cell.low, cell.high]
        d = row.difference
        numbers += [math.nan] * 4 if d is None else [d.value, d.low, d.high, d.p_holm]
        writer.writerow([csv_name(row.arm), len(row.seeds), *("" if math.isnan(x) else repr(x) for x in numbers)])
    return file.getvalue()


def table_latex(results: TableResults) -> str:
    """A booktabs table whose caption says what it holds."""
    titles = " & ".join(["", *(_latex_title(column) for column in results.columns)])
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(results.title)}. Means over {len(results.seeds)} seeds and the test images; "
        r"95\,\% intervals in brackets.}",
        rf"\begin{{tabular}}{{l{'r' * len(results.columns)}}}",
        r"\toprule",
        titles + r" \\",
        r"\midrule",
    ]
    for row in results.rows:
        cells = [escape_latex(row.arm)]
        for column in results.columns:
            cell = row.cells.get(column.key)
            if cell is None or math.isnan(cell.value):
                cells.append("--")
                continue
            interval = format_interval(column, cell.low, cell.high).replace(" to ", ", ")
            text = format_value(column, cell.value) + (f" [{interval}]" if interval else "")
            cells.append(text.replace("−", "$-$"))
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_title(column: TableColumn) -> str:
    unit = r"\,\%" if column.percent else f", {escape_latex(column.unit)}" if column.unit else ""
    return escape_latex(column.label) + unit + _LATEX_ARROW[column.better]


def escape_latex(text: str) -> str:
    """Text in which nothing is a LaTeX command."""
    return text.translate(_LATEX)
