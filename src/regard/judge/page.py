"""The page of `regard judge`: every measure with all methods on one axis of words, floors beside every number.

The table of methods and measures in a terminal.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.judge.results import GROUPS, Judged, beyond_floor, read_judged
from regard.report import Score, interval_text, number, plural, render_page, write_page


def write_judged_page(folder: Path) -> Path:
    """Read ``judge.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    judged = read_judged(folder)
    content = {"judged": judged, "groups": GROUPS, "summary": summary(judged), "beyond_floor": beyond_floor}
    return write_page(folder, render_page("judge/page.html.j2", **content))


def summary(judged: Judged) -> str:
    """What was judged, in a sentence."""
    methods = plural(sum(not m.control for m in judged.methods), "method")
    return (
        f"{methods} of saying where {judged.model.name} looks, judged on {plural(judged.data.images, 'image')} of "
        f"{judged.data.name}. Each map explains the class that the network predicts. No map is judged by one number, "
        "and none without what a map that knows nothing reaches."
    )


LABEL, _COLUMN = 30, 22  # characters
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
    across = max(1, (console.width - LABEL) // _COLUMN)
    names = [method.name for method in judged.methods]
    for group, measures in judged.groups().items():
        console.print(Text(f"\n{group.capitalize()}. {GROUPS[group]}", style="bold"))
        for start in range(0, len(names), across):
            shown = names[start : start + across]
            table = Table(box=None, pad_edge=False, header_style="dim")
            table.add_column("measure", width=LABEL - 2, overflow="fold")
            for name in shown:
                table.add_column(name, width=_COLUMN - 2, overflow="fold")
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
    between = interval_text(score.low, score.high)
    if between:
        cell.append(f"\n{between}", style="not bold")
    for floor in score.references[:1]:
        cell.append(f"\nfloor {number(floor.value)}", style="dim not bold")
    return cell
