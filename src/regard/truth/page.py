"""The page of `regard truth`, its figure, and the same in the terminal."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from rich.table import Table

from regard.plot import RankedValue, ranking
from regard.report import Terminal, interval_text, number, plural, render_page, write_page
from regard.truth import words
from regard.truth.maps import LADDER_DOSES
from regard.truth.results import NetworkInterval, TruthResults

FIGURE_FILE = "truth.png"
GOAL = 0.9


def truth_figure(results: TruthResults) -> Figure:
    """Kendall's tau of every metric with the truth, the recommended one marked."""
    rows = [
        RankedValue(words.metric_words(r.name), r.tau.value, r.tau.low, r.tau.high, r.name == results.recommended)
        for r in results.rows
        if r.worlds in (0, results.worlds)
    ]
    title = f"Ranks maps as the truth does, {plural(results.worlds, 'world')}"
    return ranking(rows, xlabel="Kendall's tau (0: chance)", title=title, level=GOAL, level_label="goal")


def write_truth_page(results: TruthResults, folder: Path) -> Path:
    """Writes ``report.html`` and ``truth.png`` into a folder; returns the page."""
    truth_figure(results).savefig(folder / FIGURE_FILE)
    html = render_page(
        "truth/page.html.j2", results=results, words=words, text=_text, doses=LADDER_DOSES, plural=plural, goal=GOAL
    )
    return write_page(folder, html)


def print_truth(results: TruthResults, console: Terminal | None = None) -> None:
    """The recommended metric, all metrics and the methods' order."""
    console = console or Terminal()
    console.print(f"{plural(results.worlds, 'world')} of {plural(results.networks, 'network')}", highlight=False)
    console.print(f"recommended: {words.metric_words(results.recommended)}", highlight=False)
    table = Table("on held-out worlds", "tau", "called better than random", "forwards", box=None)
    for row in results.held_rows:
        table.add_row(words.metric_words(row.name), _text(row.tau), _text(row.false), number(row.forwards))
    console.print(table)
    table = Table("metric, all worlds", "tau", "among methods", "false", "images", "forwards", box=None)
    for row in results.rows:
        images = words.images_words(row.images.value)
        cells = (_text(row.tau), number(row.methods.value), number(row.false.value), images, number(row.forwards))
        table.add_row(words.metric_words(row.name), *cells)
    console.print(table)
    table = Table("method", "rank", "true rank", "agreement", box=None)
    for method in results.methods:
        table.add_row(method.name, _text(method.rank), _text(method.true_rank), number(method.agreement.value))
    console.print(table)


def _text(value: NetworkInterval) -> str:
    """A number with its interval."""
    between = interval_text(value.low, value.high)
    return number(value.value) + (f" ({between})" if between else "")
