"""The table of arms in a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report.tabled import (
    Tabled,
    TableRow,
    between,
    claim_words,
    head,
    p_value,
    say,
    signed_column,
)
from regard.report.words import duration, listed

VERDICT = {"holds": "green", "refuted": "red", "open": "yellow"}
ARM, COLUMN = 18, 17  # characters


def print_tabled(tabled: Tabled, console: Console | None = None) -> None:
    """Print arms down and columns across, as many as fit and the others below; then claims, and what failed."""
    console = console or Console()
    console.print(Text(tabled.title, style="bold"))
    across = max(1, (console.width - ARM) // COLUMN)
    for start in range(0, len(tabled.columns), across):
        columns = tabled.columns[start : start + across]
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("arm", width=ARM - 2, overflow="fold")
        for column in columns:
            table.add_column(Text(head(column)), width=COLUMN - 2, overflow="fold", justify="right")
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
