"""`regard evaluate`: a trained run evaluated again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands, add_command, add_device, add_workers, integers, worker_options
from regard.cli.boundary import complain, say
from regard.constants import AUTO

if TYPE_CHECKING:
    from regard.experiments import WorkerOptions
    from regard.training import LoadedRun, TaskModel


def add_evaluate(commands: Commands) -> None:
    """Adds the command."""
    evaluate = add_command(
        commands,
        "evaluate",
        "evaluate a trained run on its test split again",
        "Evaluates a finished run, beside its plain twin, on its test split: every score with its floors and ceilings. "
        "Writes evaluation.json and report.html into the run's folder.",
        """regard evaluate runs/default
        regard evaluate runs/default --device cuda --samples 4,12,48
        regard evaluate runs/default --workers 8""",
    )
    evaluate.add_argument("folder", type=Path, metavar="RUN", help="a run's folder, such as runs/default")
    add_device(evaluate)
    evaluate.add_argument(
        "--samples", type=_counts, metavar="N,N", help="numbers of samples to average accuracy over; default 4,12"
    )
    add_workers(evaluate)
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    how = worker_options(options)
    evaluate_run(options.folder, device=options.device, samples=options.samples, workers=how)
    return 0


def _counts(text: str) -> tuple[int, ...]:
    """``4,12`` as numbers, each at least 1."""
    counts = integers(text)
    if min(counts) < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least one sample is needed")
    return counts


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """On a terminal a bar with the time that has passed; elsewhere a line for every measure, with the seconds."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from regard.report import Terminal, duration

    console, begin = Terminal(stderr=True), time.monotonic()
    if quiet:
        yield None
        return
    if not console.is_terminal:
        yield (
            lambda name, done, every: (
                complain(f"evaluating: {name}, {done + 1} of {every}, after {duration(time.monotonic() - begin)}")
                if name
                else None
            )
        )
        return
    columns = TextColumn("evaluating: {task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total}")
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=1)
        yield lambda name, done, every: bar.update(task, description=name, completed=done, total=every)


def evaluate_run(
    folder: Path,
    *,
    device: str = AUTO,
    quiet: bool = False,
    samples: tuple[int, ...] | None = None,
    run: LoadedRun[TaskModel] | None = None,
    workers: WorkerOptions | None = None,
) -> None:
    """Evaluates a run, prints its scores unless quiet, and writes its page."""
    from regard.evaluation import EVERY_SAMPLES, evaluate
    from regard.report import print_scores, read_evaluation, write_report

    if workers is None:
        with _progress(quiet) as on_progress:
            evaluate(folder, device=device, samples=samples or EVERY_SAMPLES, run=run, on_progress=on_progress)
    else:
        from regard.experiments import evaluate_on_workers

        evaluate_on_workers(folder, workers=workers, device=device, samples=samples or EVERY_SAMPLES)
    if not quiet:
        print_scores(read_evaluation(folder))
    say(f"report: {write_report(folder)}")
