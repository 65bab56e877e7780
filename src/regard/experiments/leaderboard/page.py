"""A leaderboard as a page with a scatter of accuracy against agreement, in a terminal, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.experiments.leaderboard.cell import AGREEMENT, MADE
from regard.experiments.leaderboard.results import BoardRow, LeaderboardResults, read_leaderboard
from regard.files import csv_name
from regard.plot import ScatterPoint
from regard.report import (
    Chart,
    Score,
    Terminal,
    duration,
    interval_text,
    number,
    plural,
    render_page,
    scatter_chart,
    write_page,
)

_METRICS = {"ig": "information gain", "nss": "NSS", "auc": "AUC", "sauc": "shuffled AUC", "cc": "CC"}
BOARD_COLUMNS: Mapping[str, str] = {
    "accuracy": "Share of test images whose class a linear classifier on the network's frozen features names.",
    "agreement": (
        "Share of the way from the centre prior (0) to other people (1) in information gain, bits per fixation; the "
        "maps of training images say how the method's maps are read as densities."
    ),
    "agreement, NSS": (
        "The same share in NSS of the maps as they are; below 0, the image's centre is nearer to where people look."
    ),
    "agreement, sAUC": "The same share in the shuffled AUC, which gives nothing to the centre.",
    "faithfulness": (
        "Area between removing the least and the most relevant pixels first, minus that of random maps of the same "
        "bandwidth, paired by image; above 0, the prediction depends on what the map marks."
    ),
    "localization": "Chance that the map is higher on the object than elsewhere (AUC); one half without knowledge.",
    "seconds": "Of one map of one image, on the machine named below.",
    "forwards": "Images that enter the network for one map.",
    "parameters, M": "Of the network, millions.",
    "GFLOP": "Of one image, billions.",
}
"""Column of the table -> what it means."""


_PRINTED = ("accuracy", "agreement", "faithfulness", "localization", "seconds")
"""Columns that fit a terminal."""


def write_leaderboard_page(folder: Path) -> Path:
    """Reads ``leaderboard.json`` in ``folder`` and writes ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the file is missing or corrupt, or the page cannot be written.
    """
    results = read_leaderboard(folder)
    pages = {row.folder: page for row in results.rows if (page := _page_of(folder, row))}
    html = render_page(
        "experiments/leaderboard/page.html.j2",
        board=results,
        summary=_summary(results),
        charts=board_charts(results),
        relations=_relations(results),
        columns=BOARD_COLUMNS,
        shown=row_cells,
        pages=pages,
        metrics=_METRICS,
    )
    return write_page(folder, html)


def _page_of(folder: Path, row: BoardRow) -> str:
    """Where the page of a row's judgement is, from the leaderboard's; empty where there is none."""
    page = Path(row.folder) / MADE / "judge" / "report.html"
    return page.as_posix() if row.unit and (folder / page).is_file() else ""


def _summary(results: LeaderboardResults) -> str:
    """What was compared, in a few sentences."""
    trained = {row.network for row in results.rows if not row.untrained}
    controls = {row.network for row in results.rows if row.untrained}
    on = f"on {results.options['data']}"
    gaze = results.options.get("gaze")
    people = f", held against where people look on {gaze}" if gaze else "; no gaze was given"
    beside = f" and {plural(len(controls), 'untrained one')}" if controls else ""
    return (
        f"{plural(len(trained), 'trained network')}{beside}, explained by {plural(len(results.methods), 'method')} "
        f"{on}{people}. Every map explains the class that the network predicts. Cells took {duration(results.seconds)} "
        "of one worker's time."
    )


def board_charts(results: LeaderboardResults) -> tuple[Chart, ...]:
    """Accuracy against agreement, a dot per row with both; none where there is no such row."""
    points = []
    for row in results.rows:
        label = f"{row.method}, untrained" if row.untrained else row.method
        text = (
            f"{row.network}, {row.method}: accuracy {number(row.accuracy.value)}, agreement {number(row.share().value)}"
        )
        points.append(ScatterPoint(label, row.accuracy.value, row.share().value, text))
    drawn = scatter_chart(
        "Accuracy and agreement with people", points, xlabel="accuracy of a linear probe", ylabel="agreement"
    )
    return () if drawn is None else (drawn,)


def _relations(results: LeaderboardResults) -> tuple[str, ...]:
    """A sentence for every method about accuracy and agreement over trained networks."""
    sentences = []
    for method in results.methods:
        value, count = results.rank_correlation(method)
        if count and not math.isnan(value):
            sentences.append(f"{method}: rank correlation {number(value)} over {count} trained networks.")
        elif count:
            sentences.append(f"{method}: {plural(count, 'trained network')}, too few for a correlation.")
    return tuple(sentences)


def row_cells(row: BoardRow) -> dict[str, tuple[str, str]]:
    """Column -> value and interval as the page and the terminal show them; a dash where it was not measured."""
    faithful, located = row.score("gap_mean"), row.score("auc_object")
    beyond = None if faithful is None else faithful.difference
    cells = {"accuracy": _shown(row.accuracy.value, row.accuracy.low, row.accuracy.high)}
    for column, metric in zip(list(BOARD_COLUMNS)[1:4], (AGREEMENT[0], "nss", "sauc"), strict=True):
        share = row.share(metric)
        cells[column] = _shown(share.value, share.low, share.high)
    cells["faithfulness"] = ("–", "") if beyond is None else _shown(beyond.value, beyond.low, beyond.high)
    cells["localization"] = ("–", "") if located is None else _shown(located.value, located.low, located.high)
    cells["seconds"], cells["forwards"] = _shown(row.seconds_an_image), _shown(row.forwards_an_image)
    return cells | {"parameters, M": _shown(row.parameters / 1e6), "GFLOP": _shown(row.flops / 1e9)}


def _shown(value: float, low: float = math.nan, high: float = math.nan) -> tuple[str, str]:
    return ("–", "") if math.isnan(value) else (number(value), interval_text(low, high))


def print_leaderboard(results: LeaderboardResults, console: Console | None = None) -> None:
    """Prints a row for every network and method: accuracy, agreement, faithfulness, localization, cost.

    Intervals and the other columns are on the page.
    """
    console = console or Terminal()
    console.print(Text(_summary(results), style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("network", overflow="fold")
    table.add_column("method", overflow="fold")
    shown = [column for column in _PRINTED if any(row_cells(row)[column][0] != "–" for row in results.rows)]
    for column in shown:
        table.add_column(column, justify="right", no_wrap=True)
    for row in results.rows:
        cells = row_cells(row)
        values = (Text(cells[column][0]) for column in shown)
        table.add_row(Text(row.network, style="dim" if row.untrained else "bold"), row.method, *values)
    console.print(table)
    for why in dict.fromkeys(f"{row.network}, {row.method}: {why}" for row in results.rows for why in row.why):
        console.print(Text(f"! {why}", style="yellow"))
    for failed in results.failed:
        console.print(Text(f"! {failed.cell}: {failed.why}", style="red"))


def leaderboard_csv(results: LeaderboardResults) -> str:
    """A row for every network and method, with every share and score; empty where one is undefined."""
    keys = sorted({key for row in results.rows for key in row.scores})
    metrics = [name for name in AGREEMENT if any(name in row.agreement for row in results.rows)]
    numbers: dict[str, Callable[[BoardRow], float]] = {"accuracy": lambda row: row.accuracy.value}
    numbers |= {f"share_{name}": (lambda row, name=name: row.share(name).value) for name in metrics}
    numbers |= {key: (lambda row, key=key: _value(row.score(key))) for key in keys}
    plain = ("parameters", "flops", "seconds_an_image", "forwards_an_image")
    numbers |= {name: (lambda row, name=name: float(getattr(row, name))) for name in plain}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["network", "model", "untrained", "method", *numbers])
    for row in results.rows:
        values = [value(row) for value in numbers.values()]
        words = [csv_name(row.network), csv_name(row.model), str(row.untrained).lower(), row.method]
        writer.writerow([*words, *("" if math.isnan(value) else f"{value:.6g}" for value in values)])
    return file.getvalue()


def _value(score: Score | None) -> float:
    return math.nan if score is None else score.value
