"""`regard study`: the human-machine study, and how large it must be."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command and its actions."""
    study = commands.add_parser("study", help="do maps that come closer to people do better?")
    actions = study.add_subparsers(dest="action", required=True, metavar="ACTION")
    power = actions.add_parser("power", help="how many seeds, images and observers a hypothesis needs, by simulation")
    power.add_argument("--hypothesis", default="C4", help="C1 to C5 or G, or a name of your plan; docs/study.md")
    power.add_argument(
        "--effect", type=float, default=0.05, help="true gain in its weakest contrast; 0: is nothing called equivalent?"
    )
    power.add_argument("--seeds", type=_whole, default=(3, 5), metavar="N,N", help="default 3,5")
    power.add_argument("--images", type=_whole, default=(200, 600), metavar="N,N", help="default 200,600")
    power.add_argument("--observers", type=_whole, default=(8,), metavar="N,N", help="people an image; default 8")
    power.add_argument("--backbones", type=int, default=3)
    power.add_argument("--run-sd", type=float, default=0.005, help="of runs that differ by the seed alone")
    power.add_argument("--rest-sd", type=float, default=0.15, help="of one image's score beyond image and run")
    power.add_argument("--plan", type=Path, help="YAML with other hypotheses, bounds or alpha")
    power.add_argument("--studies", type=int, default=100, help="simulated ones a size")
    power.add_argument("--processes", type=int, default=1)
    power.add_argument("--json", action="store_true", help="print JSON instead of a table")
    power.set_defaults(run=_power)


def _whole(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _power(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report.study_terminal import power_with_progress, print_power, print_power_json
    from regard.study import World, load_plan

    found = power_with_progress(
        options.hypothesis,
        options.effect,
        seeds=options.seeds,
        images=options.images,
        observers=options.observers,
        backbones=options.backbones,
        studies=options.studies,
        plan=load_plan(options.plan) if options.plan else None,
        noise=World(run_sd=options.run_sd, rest_sd=options.rest_sd),
        processes=options.processes,
    )
    (print_power_json if options.json else print_power)(found)
    return 0
