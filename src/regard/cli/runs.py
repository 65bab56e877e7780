"""`regard runs`: list, compare, prune."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import complain, say

if TYPE_CHECKING:
    from regard.runs import FoundRun


def add_runs(commands: Commands) -> None:
    """Adds the command."""
    runs = add_command(
        commands,
        "runs",
        "your runs: list, compare, prune",
        "Runs in a folder: which there are and how good they are, several beside the first of them, and removing what "
        "is no longer needed. A run whose files are damaged is named, the others go on, and the exit code is 1.",
        """regard runs list
        regard runs compare runs/one runs/other runs/third
        regard runs prune runs/old
        regard runs prune runs --unfinished --checkpoints --dry-run""",
    )
    actions = runs.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="all runs in a folder: state, network, scores, size on the disk")
    listing.add_argument(
        "folder", nargs="?", default=Path("runs"), help="that holds runs; default runs", type=Path, metavar="FOLDER"
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(run=_list)
    compare = actions.add_parser("compare", help="evaluated runs beside the first, paired by test image")
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="two or more, such as runs/one runs/other")
    compare.add_argument("--json", action="store_true", help="print JSON instead of a table")
    compare.set_defaults(run=_compare)
    prune = actions.add_parser("prune", help="remove runs, or what finished runs no longer need; asks first")
    text = "runs to remove; with --unfinished or --checkpoints folders that hold runs, default runs"
    prune.add_argument("folders", nargs="*", help=text, type=Path, metavar="FOLDER")
    prune.add_argument("--unfinished", action="store_true", help="only runs that were not trained to their end")
    prune.add_argument("--checkpoints", action="store_true", help="only checkpoints, of finished runs; the model stays")
    prune.add_argument("--dry-run", action="store_true", help="show what would be removed, remove nothing")
    prune.add_argument("--yes", action="store_true", help="do not ask")
    prune.set_defaults(run=_prune)


def _list(options: argparse.Namespace, _: list[str]) -> int:
    from dataclasses import asdict

    from regard.report import json_text, print_records
    from regard.runs import find_runs

    found = find_runs(options.folder)
    if options.json:
        print(json_text([asdict(run) | {"folder": str(run.folder)} for run in found.runs]), end="")
    elif found.runs:
        print_records([_record(run) for run in found.runs])
    elif not found.problems:
        say(f"{options.folder}: no runs in it; `regard train --runs {options.folder}` makes one")
    return _complain(found.problems)


def _record(run: FoundRun) -> dict[str, str]:
    from regard.report import duration, number, plural

    score = "" if run.score is None else f"{run.score.label.partition(',')[0]} {number(run.score.value)}"
    task = "" if run.task == "classification" else f", {run.task}"
    epochs = plural(run.epochs, "epoch") + ("" if math.isnan(run.seconds) else f" in {duration(run.seconds)}")
    state = {"evaluated": epochs, "trained": f"{epochs}, not evaluated", "unfinished": f"unfinished, {epochs}"}
    return {
        "run": run.name,
        "score": score,
        "bits": ", ".join(f"{what} {number(bits)}" for what, bits in run.bits.items()),
        "size": _size(run.size),
        "what it is": f"{run.data}{task}; {run.model}; {state[run.state]}",
    }


def _compare(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import json_text, print_records
    from regard.runs import compare_with_first

    compared = compare_with_first(options.runs)
    if options.json:
        print(json_text({"runs": compared.records(), "problems": compared.problems}), end="")
    elif compared.pairs:
        print_records(compared.records())
        for pair in compared.pairs:
            if not pair.checked:
                complain(f"{pair.names[0]} and {pair.names[1]}: whether their test images are the same is not recorded")
        say(f"with pictures: regard report {options.runs[0]} {options.runs[1]}")
    return _complain(compared.problems)


def _prune(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.runs import plan_pruning, remove

    if not (options.folders or options.unfinished or options.checkpoints):
        raise RegardError(
            "nothing is named: `regard runs prune runs/NAME` removes a run, --unfinished all that were not trained to "
            "their end, --checkpoints what finished ones no longer need"
        )
    plan = plan_pruning(
        options.folders or [Path("runs")], unfinished=options.unfinished, checkpoints=options.checkpoints
    )
    for removal in plan.removals:
        say(f"{removal.run}: {removal.why}, {_size(removal.size)}")
    if not plan.removals:
        say("nothing to remove")
        return _complain(plan.problems)
    total = f"{_size(plan.size)} of {len(plan.removals)} run{'s' if len(plan.removals) > 1 else ''}"
    if options.dry_run:
        say(f"would remove {total}")
        return _complain(plan.problems)
    if not options.yes and not _agreed(f"Remove {total}? This cannot be undone. [y/N] "):
        say("nothing was removed")
        return _complain(plan.problems)
    problems, freed = list(plan.problems), 0
    for removal in plan.removals:
        try:
            remove(removal)
            freed += removal.size
        except RegardError as error:
            problems.append(str(error))
    say(f"removed {_size(freed)}")
    return _complain(problems)


def _agreed(question: str) -> bool:
    """Whether the user says yes; no where nobody can answer."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        say("")
        complain("nobody answers: --yes removes without asking")
        return False


def _complain(problems: list[str] | tuple[str, ...]) -> int:
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
