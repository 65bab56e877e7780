"""The table of methods and measures in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report.judged import GROUPS, Judged, beyond_floor
from regard.report.schema import Score
from regard.report.words import interval, number, plural

LABEL, COLUMN = 30, 22  # characters
MARK = {"clearly better": "green", "clearly worse": "red"}


def print_judged(judged: Judged, console: Console | None = None) -> None:
    """Print cost, then a table a group: measures down, methods across, as many as fit, the others below.

    A cell holds the value, its interval, and its first floor; green is clearly better than that floor, image by image,
    red clearly worse.
    """
    console = console or Console()
    console.print(
        Text(f"{judged.model.name}, {plural(judged.data.images, 'image')} of {judged.data.name}", style="bold")
    )
    console.print(_cost(judged))
    across = max(1, (console.width - LABEL) // COLUMN)
    names = [method.name for method in judged.methods]
    for group, measures in judged.groups().items():
        console.print(Text(f"\n{group.capitalize()}. {GROUPS[group]}", style="bold"))
        for start in range(0, len(names), across):
            shown = names[start : start + across]
            table = Table(box=None, pad_edge=False, header_style="dim")
            table.add_column("measure", width=LABEL - 2, overflow="fold")
            for name in shown:
                table.add_column(name, width=COLUMN - 2, overflow="fold")
            for measure in measures:
                arrow = {"higher": " ↑", "lower": " ↓", None: ""}[measure.better]
                scores = judged.scores(measure.key)
                table.add_row(Text(measure.label + arrow), *(_cell(scores.get(name)) for name in shown))
            console.print(table)
    for failed in judged.failed:
        console.print(Text(f"! {failed}", "yellow"))


def _cost(judged: Judged) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("method", "seconds an image", "forwards an image", "grid", "constant maps"):
        table.add_column(head, justify="left" if head == "method" else "right")
    for m in judged.methods:
        grid = " × ".join(str(side) for side in m.grid)
        table.add_row(
            Text(m.name), number(m.seconds_an_image), number(m.forwards_an_image), grid, str(m.constant or "")
        )
    return table


def _cell(score: Score | None) -> Text:
    if score is None:
        return Text("")
    cell = Text(number(score.value), style=f"bold {MARK.get(beyond_floor(score), '')}".strip())
    between = interval(score.low, score.high)
    if between:
        cell.append(f"\n{between}", style="not bold")
    for floor in score.references[:1]:
        cell.append(f"\nfloor {number(floor.value)}", style="dim not bold")
    return cell
