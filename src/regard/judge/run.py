"""The command `regard judge`: methods of saying where a network looks, judged, as folder, table and page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from regard.evaluation import Sample, open_sample, sample_of
from regard.explain import METHODS
from regard.judge.case import JudgeOptions
from regard.judge.judge import check_names, judge
from regard.judge.measures import METRICS
from regard.judge.page import print_judged, write_judged_page
from regard.judge.results import Failed, read_judged
from regard.judge.subject import Subject, open_subject
from regard.training import load_run
from regard.types import RegardError


def judge_maps(
    subject: Subject,
    sample: Sample,
    out: Path,
    options: JudgeOptions,
    *,
    shuffled: Subject | None = None,
    as_json: bool = False,
) -> tuple[Failed, ...]:
    """Judges into ``out``, writes ``judge.json`` and ``report.html`` there and prints the table, or the JSON alone.

    Returns:
        What could not be asked.
    """
    total = len(options.methods) * (len(options.metrics) + 1)
    with Progress(transient=True, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("judging", total=total)

        def tell(method: str, metric: str) -> None:
            place = options.metrics.index(metric) + 1 if metric else 0
            done = options.methods.index(method) * (len(options.metrics) + 1) + place
            bar.update(task, completed=done, description=f"{method}: {metric or 'maps'}")

        table = judge(subject, sample, out, options, shuffled=shuffled, progress=tell)
    page = write_judged_page(out)
    judged = read_judged(out)
    if as_json:
        print(table.read_text(encoding="utf-8"), end="")
    else:
        print_judged(judged)
        print(f"page: {page}")
    return judged.failed


def named(given: str, what: str) -> tuple[str, ...]:
    """Names with commas, of methods or metrics, each once; ``all`` stands for all of them.

    ``all`` metrics leave out ``labels``, which needs a second network.

    Raises:
        RegardError: an unknown name; the nearest are listed.
    """
    known = METHODS if what == "method" else METRICS
    everything = [name for name in known if name != "labels"]
    wanted = [name.strip() for name in given.split(",")]
    names = tuple(dict.fromkeys(n for name in wanted for n in (everything if name == "all" else [name])))
    check_names(names, known, what)
    return names


def open_both(
    model: str, data: str | None, count: int, *, weights: str | None = None, seed: int = 0
) -> tuple[Subject, Sample]:
    """The network, and images: of ``data``, or of the test split that a run was to be judged on.

    Raises:
        RegardError: either cannot be opened, or data is missing for what is no run.
    """
    subject = open_subject(model, weights=weights)
    if data is not None:
        return subject, open_sample(data, count, subject.size, seed=seed)
    if not (Path(model) / "recipe.yaml").is_file():
        raise RegardError(f"{model} is no run, so it has no data of its own; give --data, a folder or a name")
    _, _, splits = load_run(Path(model))
    return subject, sample_of(splits.test, f"{splits.test.name} split of {model}", count, subject.size, seed=seed)


def open_shuffled(run: str) -> Subject:
    """The network that was trained on shuffled labels: a run, or a saved classifier, whose labels nobody knows.

    Raises:
        RegardError: it cannot be opened, or it is a run that learned the true labels.
    """
    subject = open_subject(run)
    if (Path(run) / "recipe.yaml").is_file() and not load_run(Path(run))[0].data.shuffle_labels:
        raise RegardError(
            f"{run} learned the labels as they are; train it again with --data.shuffle_labels true, or, if its data "
            f"came with shuffled ones, give {Path(run) / 'model'}"
        )
    return subject
