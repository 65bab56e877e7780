"""`regard evaluate`: a trained run judged again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands

if TYPE_CHECKING:
    from regard.training import LoadedRun, TaskModel


def add(commands: Commands) -> None:
    """Adds the command."""
    evaluate = commands.add_parser("evaluate", help="judge a trained run on its test split again")
    evaluate.add_argument("folder", type=Path, metavar="RUN", help="a run's folder, as runs/default")
    evaluate.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    evaluate.add_argument(
        "--samples", type=_numbers, metavar="N,N", help="accuracy averaged over so many samples; default 4,12"
    )
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    return judge_run(options.folder, options.device, False, options.samples)


def _numbers(text: str) -> tuple[int, ...]:
    """`4,12` as numbers, each at least 1."""
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least one sample is needed")
    return numbers


def judge_run(
    folder: Path,
    device: str,
    quiet: bool,
    samples: tuple[int, ...] | None = None,
    run: LoadedRun[TaskModel] | None = None,
) -> int:
    """Evaluates a run and writes its page."""
    from regard.evaluation import evaluate
    from regard.report import print_scores, read_evaluation, write_report

    evaluate(folder, device=device, run=run, **({} if samples is None else {"samples": samples}))
    if not quiet:
        print_scores(read_evaluation(folder))
    print(f"report: {write_report(folder)}")
    return 0
