"""What `regard shift` found, in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report.words import interval, number, signed

COLUMNS = {
    "accuracy": "accuracy",
    "accuracy_one_sample": "one sample",
    "latent_bits": "latent bits",
    "gate_bits": "gate bits",
    "calibration_error": "ECE",
}


def print_shift(result: Mapping[str, Any], console: Console | None = None) -> None:
    """One row a shift and severity; what was not measured has no column."""
    console = console or Console()
    cells = result["cells"]
    shown = {key: head for key, head in COLUMNS.items() if any(key in cell["run"] for cell in cells)}
    table = Table(title=Text(f"{result['run']} on shifted {result['data']}"), title_justify="left", box=None)
    twin = any("twin" in cell for cell in cells)
    for head in ("shift", *shown.values(), *(("twin", "minus twin") if twin else ())):
        table.add_column(head)
    for cell in cells:
        row = [f"{cell['shift'].replace('_', ' ')} {cell['severity'] or ''}".strip()]
        row += [number(cell["run"][key]["value"]) if key in cell["run"] else "" for key in shown]
        if twin:
            gap = cell["difference"]
            row.append(number(cell["twin"]["accuracy"]["value"]))
            row.append(f"{signed(gap['value'])}\n{interval(gap['low'], gap['high'], sign=True)}")
        table.add_row(*row)
    console.print(table)
