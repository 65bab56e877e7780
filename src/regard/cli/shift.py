"""`regard shift`: a run on shifted test images."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    shift = commands.add_parser("shift", help="judge a run on corrupted images and other backgrounds")
    shift.add_argument("--run", dest="folder", type=Path, required=True, metavar="RUN", help="a run's folder")
    shift.add_argument("--shifts", default="all", help="all, or names with commas; docs/shift.md")
    shift.add_argument("--severities", default="1,2,3,4,5", help="of corruptions, with commas")
    shift.add_argument("--images", type=int, help="so many test images, evenly over all; default all")
    shift.add_argument("--seed", type=int, default=0)
    shift.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    shift.add_argument("--out", type=Path, help="default RUN/shift; a killed one goes on from here")
    shift.add_argument("--json", action="store_true", help="print JSON instead of a table")
    shift.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    import json

    from regard.evaluation.shift import SHIFTS, ShiftOptions, shift
    from regard.report.shifted import print_shift
    from regard.types import RegardError

    try:
        severities = tuple(int(word) for word in options.severities.split(","))
    except ValueError:
        raise RegardError(f"--severities {options.severities}: numbers from 1 to 5, with commas") from None
    names = SHIFTS if options.shifts == "all" else tuple(options.shifts.split(","))
    how = ShiftOptions(shifts=names, severities=severities, images=options.images, seed=options.seed)
    out = options.out or options.folder / "shift"
    found = shift(options.folder, out, how, device=options.device)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print_shift(found)
        print(f"numbers: {out / 'shift.json'}")
    return 0
