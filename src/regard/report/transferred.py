"""What `regard transfer` found, in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report.words import interval, number, signed

NAMES = {"network": "this run", "untrained": "untrained", "pixels": "raw pixels"}


def print_transfer(result: Mapping[str, Any], console: Console | None = None) -> None:
    """One row a number of examples a class: accuracies with intervals, and the paired gap to the higher floor."""
    console = console or Console()
    data = result["data"]
    title = f"{result['run']} on {data['name']}: accuracy, {data['classes']} classes, {data['test']} test images"
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("a class", justify="right")
    for name in NAMES.values():
        table.add_column(name)
    table.add_column("above the higher floor")
    for point in result["curve"]:
        floor = max(("untrained", "pixels"), key=lambda kind: point[kind]["value"])
        gap = point["difference"][floor]
        between = interval(gap["low"], gap["high"], sign=True)
        table.add_row(
            str(point["shots"]),
            *(f"{number(point[k]['value'])}\n{interval(point[k]['low'], point[k]['high'])}" for k in NAMES),
            f"{signed(gap['value'])}\n{between}",
        )
    console.print(table)
