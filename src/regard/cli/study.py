"""`regard study`: the human-machine study: run from a file, reported, and how large it must be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from regard.cli.arguments import (
    GRID_FIRST,
    Commands,
    add_command,
    add_grid,
    add_part,
    grid_options,
    integers,
    print_results,
)
from regard.cli.boundary import complain


class _OrFile(argparse._SubParsersAction):  # type: ignore[type-arg]  # generic for type checkers only
    """`regard study FILE` is short for `regard study run FILE`: a first word that is no action names a file."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        words = list(values or ())
        if words and words[0] not in self._name_parser_map:
            words = ["run", *words]
        super().__call__(parser, namespace, words, option_string)


def add_study(commands: Commands) -> None:
    """Adds the command and its actions."""
    study = add_command(
        commands,
        "study",
        "do maps that come closer to people do better? docs/study.md",
        "The study of human and machine attention: runs one from a file, writes its page, or simulates how large one "
        "must be.",
        """regard study small --smoke
        regard study small --workers 2
        regard study report small
        regard study power --hypothesis C4 --effect .05""",
    )
    actions = study.add_subparsers(
        dest="action", required=True, metavar="FILE | report | power", action=_OrFile, title="a study's file, or"
    )
    run = actions.add_parser("run", help="run or resume a study, and write its table of trials and its page")
    run.add_argument("name", metavar="FILE", help="a study's file, or small, generated or paper, which come along")
    add_part(run, "task")
    add_grid(run, "the study is kept in RUNS/NAME")
    run.show_first(
        {
            "what is run": ("name", "--seeds", "--only"),
            "the run": (*GRID_FIRST,),
        }
    )
    run.set_defaults(run=_run, goes_on=True)

    report = actions.add_parser(
        "report", help="the page of what is finished, of a table of trials, or of results as JSON"
    )
    report.add_argument(
        "name",
        metavar="FILE",
        help="a study's file or name, a folder with trials.csv and plan.json, or results as JSON (page beside it)",
    )
    report.add_argument("--runs", type=Path, default=Path("runs"), help="the study is kept in RUNS/NAME")
    report.add_argument("--mixed", action="store_true", help="fit the mixed models too: seconds per task")
    report.add_argument("--json", action="store_true", help="print JSON instead of tables")
    report.set_defaults(run=_report)

    power = actions.add_parser("power", help="how many seeds, images and observers a hypothesis needs, by simulation")
    power.add_argument("--hypothesis", default="C4", help="C1 to C5 or G, or a name of your plan; docs/study.md")
    power.add_argument(
        "--effect", type=float, default=0.05, help="true gain in its weakest contrast; 0: is nothing called equivalent?"
    )
    power.add_argument("--seeds", type=integers, default=(3, 5), metavar="N,N", help="default 3,5")
    power.add_argument("--images", type=integers, default=(200, 600), metavar="N,N", help="default 200,600")
    power.add_argument("--observers", type=integers, default=(8,), metavar="N,N", help="people per image; default 8")
    power.add_argument("--backbones", type=int, default=3, help="number of backbones; default 3")
    power.add_argument("--run-sd", type=float, default=0.005, help="between runs that differ by the seed alone")
    power.add_argument("--rest-sd", type=float, default=0.15, help="of one image's score beyond image and run")
    power.add_argument("--plan", type=Path, help="YAML with other hypotheses, bounds or alpha")
    power.add_argument("--studies", type=int, default=100, help="simulated studies per size; default 100")
    power.add_argument("--processes", type=int, default=1, help="processes that simulate; default 1")
    power.add_argument("--json", action="store_true", help="print JSON instead of a table")
    power.show_first(
        {
            "what is simulated": ("--hypothesis", "--effect", "--plan"),
            "sizes": ("--seeds", "--images", "--observers"),
            "the run": ("--studies", "--processes", "--json"),
        }
    )
    power.set_defaults(run=_power)
    actions.choices = None  # type: ignore[assignment]  # any other word is a file


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.experiments import NO_RESULT
    from regard.experiments.study import make_study, print_study, read_study_results, study_plan_lines

    how = grid_options(options)
    if options.dry_run:
        print("\n".join(study_plan_lines(options.name, how)))
        return 0
    folder, failed = make_study(options.name, how)
    page = f"page: {folder / 'report.html'}"
    last = NO_RESULT.format(page) if how.smoke else page
    print_results(read_study_results(folder), print_study, last, as_json=options.json)
    for path, why in failed.items():
        complain(f"{path}: {why.strip().splitlines()[-1]}")
    return 1 if failed else 0


def _report(options: argparse.Namespace, _: list[str]) -> int:
    from regard.experiments import GridOptions, report_study
    from regard.experiments.study import print_study

    results, page = report_study(options.name, GridOptions(options.runs), mixed=options.mixed)
    print_results(results, print_study, f"page: {page}", as_json=options.json)
    return 0


def _power(options: argparse.Namespace, _: list[str]) -> int:
    from regard.experiments.study import Simulation, load_plan, power_with_progress, print_power, print_power_json

    names = ("seeds", "images", "observers", "backbones", "studies", "processes")
    results = power_with_progress(
        options.hypothesis,
        options.effect,
        **{name: getattr(options, name) for name in names},
        plan=load_plan(options.plan) if options.plan else None,
        noise=Simulation(run_sd=options.run_sd, rest_sd=options.rest_sd),
    )
    (print_power_json if options.json else print_power)(results)
    return 0
