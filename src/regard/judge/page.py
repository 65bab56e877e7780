"""The page of `regard judge` and its tables in a terminal: every measure of every method, with its floors."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.judge.gallery import read_judged_images
from regard.judge.removal import COMBINED_KEY
from regard.judge.results import GROUPS, JudgeResults, beyond_floor, read_judge_results
from regard.report import Score, Terminal, interval_text, number, plural, render_page, term_lines, write_page

RECOMMENDED_NOTE = "Where the truth is known it ranks maps most truly; no single baseline does as well (docs/truth.md)."


def recommended_line(results: JudgeResults) -> str:
    """Who leads by the recommended measure, and that it is recommended; empty where it was not measured."""
    measure = next((m for m in results.measures if m.key == COMBINED_KEY), None)
    if measure is None:
        return ""
    return f"Read first: {measure.label}. {results.best(measure)} {RECOMMENDED_NOTE}".replace("  ", " ")


def write_judge_page(folder: Path) -> Path:
    """Read ``judge.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    results = read_judge_results(folder)
    content = {"results": results, "groups": GROUPS, "summary": _summary(results), "beyond_floor": beyond_floor}
    content["recommended"] = recommended_line(results)
    content["gallery"] = read_judged_images(folder, results)
    return write_page(folder, render_page("judge/page.html.j2", **content))


def _summary(results: JudgeResults) -> str:
    """What was judged, in a few sentences."""
    methods = plural(sum(not m.control for m in results.methods), "method")
    return (
        f"{methods} of explaining {results.model.name}, judged on {plural(results.data.images, 'image')} of "
        f"{results.data.name}. Each map explains the class that the network predicts. No map is judged by one number, "
        "and none without the value of a map without information."
    )


_LABEL, _COLUMN = 30, 22  # characters
_VERDICT_STYLE = {"clearly better": "green", "clearly worse": "red"}


def print_judge_results(results: JudgeResults, console: Console | None = None) -> None:
    """Print costs, then a table per group: measures down, methods across; methods that do not fit follow below.

    A cell holds the value, its interval and its first floor; green is clearly better than that floor, paired by image,
    red clearly worse.
    """
    console = console or Terminal()
    console.print(
        Text(f"{results.model.name}, {plural(results.data.images, 'image')} of {results.data.name}", style="bold")
    )
    if line := recommended_line(results):
        console.print(Text(line))
    console.print(_cost(results))
    across = max(1, (console.width - _LABEL) // _COLUMN)
    names = [method.name for method in results.methods]
    for group, measures in results.groups().items():
        console.print(Text(f"\n{group.capitalize()}. {GROUPS[group]}", style="bold"))
        for start in range(0, len(names), across):
            columns = names[start : start + across]
            table = Table(box=None, pad_edge=False, header_style="dim")
            table.add_column("measure", width=_LABEL - 2, overflow="fold")
            for name in columns:
                table.add_column(name, width=_COLUMN - 2, overflow="fold")
            for measure in measures:
                arrow = {"higher": " ↑", "lower": " ↓", None: ""}[measure.better]
                scores = results.scores(measure.key)
                table.add_row(Text(measure.label + arrow), *(_cell(scores.get(name)) for name in columns))
            console.print(table)
    for line in term_lines(["floor", *(measure.label for measure in results.measures)]):
        console.print(Text(line, style="dim"))
    for damaged in results.data.damaged:
        console.print(Text(f"! left out: {damaged}", "yellow"))
    for failed in results.failed:
        console.print(Text(f"! {failed}", "yellow"))


def _cost(results: JudgeResults) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("method", "seconds per image", "forwards per image", "grid", "constant maps"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for m in results.methods:
        grid = " × ".join(str(side) for side in m.grid)
        table.add_row(
            Text(m.name), number(m.seconds_an_image), number(m.forwards_an_image), grid, str(m.constant or "")
        )
    return table


def _cell(score: Score | None) -> Text:
    if score is None:
        return Text("")
    cell = Text(number(score.value), style=f"bold {_VERDICT_STYLE.get(beyond_floor(score), '')}".strip())
    between = interval_text(score.low, score.high)
    if between:
        cell.append(f"\n{between}", style="not bold")
    for floor in score.references[:1]:
        cell.append(f"\nfloor {number(floor.value)}", style="dim not bold")
    return cell
