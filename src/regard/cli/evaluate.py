"""`regard evaluate`: a trained run judged again."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    evaluate = commands.add_parser("evaluate", help="judge a trained run on its test split again")
    evaluate.add_argument("folder", type=Path, metavar="RUN", help="a run's folder, as runs/default")
    evaluate.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    return judge_run(options.folder, options.device, False)


def judge_run(folder: Path, device: str, quiet: bool) -> int:
    """Judges a run and writes its page."""
    from regard.evaluation import evaluate
    from regard.report import print_scores, read_evaluation, write_report

    evaluate(folder, device=device)
    if not quiet:
        print_scores(read_evaluation(folder))
    print(f"report: {write_report(folder)}")
    return 0
