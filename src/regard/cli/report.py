"""`regard report`: the page of what another command made, written again."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import say
from regard.errors import RegardError

_SHOWN = (
    "a run (evaluation.json), a judgement (judge.json), scores of maps (scores.json, or comparison.json of several "
    "models), of scanpaths (scanpaths.json) or by importance (importance.json), a table or sweep (table.json) or a "
    "study (results.json or trials.csv)"
)


def add_report(commands: Commands) -> None:
    """Adds the command."""
    report = add_command(
        commands,
        "report",
        "write the report.html of a run, judgement, scores, table or study again",
        f"Writes report.html out of the files in a folder; no network is loaded. The folder holds {_SHOWN}.",
        """regard report runs/default
        regard report judged
        regard report runs/cifar10
        regard report runs/one runs/other""",
    )
    report.add_argument("folder", type=Path, metavar="FOLDER", help="what a command wrote, such as runs/default")
    report.add_argument(
        "other",
        type=Path,
        nargs="?",
        metavar="OTHER",
        help="a second run, evaluated on the same test images: writes a page of both into FOLDER",
    )
    report.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    if options.other is not None:
        from regard.evaluation import write_comparison

        say(f"report: {write_comparison(options.folder, options.other)}")
        return 0
    for page in _write_pages(options.folder):
        say(f"report: {page}")
    return 0


def _write_pages(folder: Path) -> tuple[Path, ...]:
    def holds(*names: str) -> bool:
        return any((folder / name).is_file() for name in names)

    if holds("recipe.yaml", "evaluation.json"):
        from regard.report import write_report

        return (write_report(folder),)
    if holds("judge.json"):
        from regard.judge import write_judge_page

        return (write_judge_page(folder),)
    if holds("scores.json", "comparison.json"):
        from regard.score import write_score_pages

        return write_score_pages(folder)
    if holds("scanpaths.json"):
        from regard.score import write_scanpath_page

        return (write_scanpath_page(folder),)
    if holds("importance.json"):
        from regard.score import write_importance_page

        return (write_importance_page(folder),)
    if holds("table.json"):
        from regard.experiments.tables import write_table_page

        return (write_table_page(folder),)
    if holds("results.json", "trials.csv"):
        from regard.experiments.study import draw_study

        return (draw_study(folder),)
    raise RegardError(f"{folder} holds no results that have a page; regard report shows {_SHOWN}")
