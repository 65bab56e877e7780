"""`regard transfer`: a run's frozen features on another data set.

What `regard transfer` found, in a terminal.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.arguments import Commands
from regard.report import interval_text, number, signed

_NAMES = {"network": "this run", "untrained": "untrained", "pixels": "raw pixels"}


def print_transfer(result: Mapping[str, Any], console: Console | None = None) -> None:
    """One row a number of examples a class: accuracies with intervals, and the paired gap to the higher floor."""
    console = console or Console()
    data = result["data"]
    title = f"{result['run']} on {data['name']}: accuracy, {data['classes']} classes, {data['test']} test images"
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("a class", justify="right")
    for name in _NAMES.values():
        table.add_column(name)
    table.add_column("above the higher floor")
    for point in result["curve"]:
        floor = max(("untrained", "pixels"), key=lambda kind: point[kind]["value"])
        gap = point["difference"][floor]
        between = interval_text(gap["low"], gap["high"], sign=True)
        table.add_row(
            str(point["shots"]),
            *(f"{number(point[k]['value'])}\n{interval_text(point[k]['low'], point[k]['high'])}" for k in _NAMES),
            f"{signed(gap['value'])}\n{between}",
        )
    console.print(table)


def add(commands: Commands) -> None:
    """Adds the command."""
    transfer = commands.add_parser("transfer", help="what a run's features are worth on another data set")
    transfer.add_argument("--run", dest="folder", type=Path, required=True, metavar="RUN", help="a run's folder")
    transfer.add_argument("--data", required=True, help="a data set's name; `regard data list`")
    transfer.add_argument("--root", type=Path, help="where it lies; the folder in REGARD_DATA by default")
    transfer.add_argument("--shots", default="1,2,5,10,20,all", help="examples a class, with commas")
    transfer.add_argument("--draws", type=int, default=5, help="random draws of the examples")
    transfer.add_argument("--seed", type=int, default=0)
    transfer.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    transfer.add_argument("--out", type=Path, help="default RUN/transfer/DATA; a killed one goes on from here")
    transfer.add_argument("--json", action="store_true", help="print JSON instead of a table")
    transfer.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    import json

    from regard.evaluation import ALL, TransferOptions, transfer

    pass
    from regard.types import RegardError

    try:
        shots = tuple(ALL if word == "all" else int(word) for word in options.shots.split(","))
    except ValueError:
        raise RegardError(f"--shots {options.shots}: numbers with commas, or all") from None
    how = TransferOptions(shots=shots, draws=options.draws, seed=options.seed)
    out = options.out or options.folder / "transfer" / options.data
    found = transfer(options.folder, options.data, out, how, root=options.root, device=options.device)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print_transfer(found)
        print(f"numbers: {out / 'transfer.json'}")
    return 0
