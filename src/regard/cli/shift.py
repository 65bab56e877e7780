"""`regard shift`: a run on corrupted test images and other backgrounds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands, add_command, add_device, integers, print_results
from regard.cli.boundary import say

if TYPE_CHECKING:
    from regard.evaluation import ShiftResults

_COLUMNS = {
    "accuracy": "accuracy",
    "accuracy_one_sample": "one sample",
    "latent_bits": "latent bits",
    "gate_bits": "gate bits",
    "calibration_error": "ECE",
}


def add_shift(commands: Commands) -> None:
    """Adds the command."""
    shift = add_command(
        commands,
        "shift",
        "evaluate a run on corrupted images and other backgrounds",
        "Evaluates a run and its plain twin on shifted test images: corruptions at several severities, and other "
        "backgrounds. Prints accuracy, bits and calibration; writes shift.json.",
        """regard shift --run runs/default
        regard shift --run runs/default --shifts gaussian_noise,background --severities 1,3,5 --images 500""",
    )
    shift.add_argument("--run", dest="folder", type=Path, required=True, metavar="RUN", help="a run's folder")
    shift.add_argument("--shifts", default="all", help="all, or names with commas; docs/shift.md")
    shift.add_argument("--severities", default="1,2,3,4,5", help="of corruptions, with commas")
    shift.add_argument("--images", type=int, help="so many test images, evenly over all; default all")
    shift.add_argument("--seed", type=int, default=0, help="of random draws; default 0")
    add_device(shift)
    shift.add_argument("--out", type=Path, help="default RUN/shift; a killed one goes on from here")
    shift.add_argument("--json", action="store_true", help="print JSON instead of a table")
    shift.show_first(
        {
            "what is measured": ("--run", "--shifts", "--images"),
            "results": ("--out", "--json", "--device"),
        }
    )
    shift.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.evaluation import SHIFTS, ShiftOptions, shift

    try:
        severities = integers(options.severities)
    except ValueError:
        raise RegardError(f"--severities {options.severities}: numbers from 1 to 5, with commas") from None
    names = SHIFTS if options.shifts == "all" else tuple(options.shifts.split(","))
    how = ShiftOptions(shifts=names, severities=severities, images=options.images, seed=options.seed)
    out = options.out or options.folder / "shift"
    results = shift(options.folder, out, how, device=options.device)
    print_results(results, _print_shift, f"numbers: {out / 'shift.json'}", as_json=options.json)
    return 0


def _print_shift(results: ShiftResults) -> None:
    """One row per shift and severity; what was not measured has no column."""
    from regard.report import interval_text, number, print_records, signed, term_lines

    columns = {key: head for key, head in _COLUMNS.items() if any(key in cell.run for cell in results.cells)}
    twin = ("plain twin", "minus plain twin") if any(cell.twin is not None for cell in results.cells) else ()
    rows = []
    for cell in results.cells:
        row = dict.fromkeys(("shift", *columns.values(), *twin), "")
        row["shift"] = f"{cell.shift.replace('_', ' ')} {cell.severity or ''}".strip()
        row |= {head: number(cell.run[key].value) for key, head in columns.items() if key in cell.run}
        if cell.twin is not None and cell.difference is not None:
            gap = cell.difference
            row["plain twin"] = number(cell.twin["accuracy"].value)
            row["minus plain twin"] = f"{signed(gap.value)}\n{interval_text(gap.low, gap.high, sign=True)}"
        rows.append(row)
    print_records(rows, title=f"{results.run} on shifted {results.data}")
    for line in term_lines(["plain twin"] if twin else []):
        say(line)
