"""`regard transfer`: logistic regression on a run's frozen features of another data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands, add_command, add_device, print_results

if TYPE_CHECKING:
    from regard.evaluation import TransferResults

_NAMES = {"network": "this run", "untrained": "untrained", "pixels": "raw pixels"}


def add_transfer(commands: Commands) -> None:
    """Adds the command."""
    transfer = add_command(
        commands,
        "transfer",
        "what a run's features are worth on another data set",
        "Fits logistic regression on the frozen features of another data set, with a few examples per class, beside an "
        "untrained network and raw pixels. Writes transfer.json. A killed command goes on when it is repeated.",
        """regard transfer --run runs/default --data digits
        regard transfer --run runs/default --data cifar10_jpeg --shots 5,all --draws 3""",
    )
    transfer.add_argument("--run", dest="folder", type=Path, required=True, metavar="RUN", help="a run's folder")
    transfer.add_argument("--data", required=True, help="a data set's name; `regard data list`")
    transfer.add_argument("--root", type=Path, help="its folder; by default the one in REGARD_DATA")
    transfer.add_argument("--shots", default="1,2,5,10,20,all", help="examples per class, with commas")
    transfer.add_argument("--draws", type=int, default=5, help="random draws of the examples")
    transfer.add_argument("--seed", type=int, default=0, help="of random draws; default 0")
    add_device(transfer)
    transfer.add_argument("--out", type=Path, help="default RUN/transfer/DATA; a killed one goes on from here")
    transfer.add_argument("--json", action="store_true", help="print JSON instead of a table")
    transfer.show_first(
        {
            "what is measured": ("--run", "--data", "--root", "--shots"),
            "results": ("--out", "--json", "--device"),
        }
    )
    transfer.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.evaluation import ALL_EXAMPLES, TransferOptions, transfer

    try:
        shots = tuple(ALL_EXAMPLES if word == "all" else int(word) for word in options.shots.split(","))
    except ValueError:
        raise RegardError(f"--shots {options.shots}: numbers with commas, or all") from None
    how = TransferOptions(shots=shots, draws=options.draws, seed=options.seed)
    out = options.out or options.folder / "transfer" / options.data
    results = transfer(options.folder, options.data, out, how, root=options.root, device=options.device)
    print_results(results, _print_transfer, f"numbers: {out / 'transfer.json'}", as_json=options.json)
    return 0


def _print_transfer(results: TransferResults) -> None:
    """One row per number of examples: accuracies with intervals, and the paired gap to the higher floor."""
    from regard.report import interval_text, number, print_records, signed

    rows = []
    for point in results.curve:
        row = {"a class": str(point.shots)}
        for kind, head in _NAMES.items():
            accuracy = getattr(point, kind)
            row[head] = f"{number(accuracy.value)}\n{interval_text(accuracy.low, accuracy.high)}"
        gap = point.difference["untrained" if point.untrained.value >= point.pixels.value else "pixels"]
        row["above the higher floor"] = f"{signed(gap.value)}\n{interval_text(gap.low, gap.high, sign=True)}"
        rows.append(row)
    data = results.data
    title = f"{results.run} on {data.name}: accuracy, {data.classes} classes, {data.test} test images"
    print_records(rows, title=title)
