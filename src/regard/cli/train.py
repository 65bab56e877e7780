"""`regard train`: a recipe trained, judged, reported."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from regard.cli.arguments import Commands
from regard.cli.evaluate import judge_run


def add(commands: Commands) -> None:
    """Adds the command."""
    train = commands.add_parser("train", help="train a recipe, judge it, write its report", add_help=False)
    train.add_argument("-h", "--help", action="store_true")
    train.add_argument("--runs", type=Path, default=Path("runs"))
    train.add_argument("--quiet", action="store_true")
    train.add_argument("--no-evaluation", action="store_true")
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.training import parse_recipe, recipe_parser, train_with_twin

    if options.help:
        parser = recipe_parser(
            "Trains a recipe into runs/<name>, judges it on the test split and writes report.html. A run that was "
            "killed goes on from its last checkpoint. Fields of one part may stand together: --align "
            "gaze=osie,loss=kl,weight=1. Besides the recipe's fields: --runs DIR (default runs), --quiet, "
            "--no-evaluation."
        )
        parser.prog = "regard train"
        parser.print_help()
        return 0
    recipe = parse_recipe(fields)
    run = train_with_twin(recipe, options.runs / recipe.name, quiet=options.quiet)
    first = int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0  # of several processes, one judges
    return 0 if options.no_evaluation or not first else judge_run(run.folder, "cpu", options.quiet, run=run.open())
