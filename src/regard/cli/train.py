"""`regard train`: trains a recipe and its plain twin, evaluates them, writes the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands
from regard.cli.evaluate import evaluate_run
from regard.constants import AUTO


def add_train(commands: Commands) -> None:
    """Adds the command."""
    train = commands.add_parser("train", help="train a recipe, evaluate it, write its report", add_help=False)
    train.add_argument("-h", "--help", action="store_true")
    train.add_argument("--help-all", action="store_true")
    _add_own(train)
    train.set_defaults(run=_run, goes_on=True)


def _add_own(parser: argparse.ArgumentParser) -> None:
    """Adds the options that are no fields of a recipe."""
    own = parser.add_argument_group("the command")
    own.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="runs are folders in it")
    shown = own.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="show no progress")
    shown.add_argument("--verbose", action="store_true", help="show every batch, and what Lightning says")
    own.add_argument(
        "--logger",
        action="append",
        default=[],
        choices=("tensorboard", "wandb", "mlflow"),
        help="what is measured also goes there; repeatable. The package must be installed",
    )
    own.add_argument("--no-evaluation", action="store_true", help="train only")
    own.add_argument(
        "--smoke",
        action="store_true",
        help="does everything run? one step of training, 32 test images; into RUNS/smoke",
    )


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    if options.help or options.help_all:
        from regard.cli.train_help import print_all, print_common

        (print_all if options.help_all else print_common)(_add_own)
        return 0
    from regard.training import parse_fields

    runs = options.runs / "smoke" if options.smoke else options.runs
    given = parse_fields([*fields, *(["--train.fast_dev_run", "true"] if options.smoke else [])])
    # after the fields are read: this imports torch
    from regard.training import fit_recipe, process_rank, train_with_twin

    fitted = fit_recipe(given)
    first = process_rank(fitted.recipe) == 0  # of several processes, one evaluates
    if first and fitted.chosen:
        print(fitted)
    recipe = fitted.recipe
    how = {"quiet": options.quiet, "verbose": options.verbose, "loggers": options.logger}
    run = train_with_twin(recipe, runs / recipe.name, data=fitted.data, **how)
    if first and not options.no_evaluation:
        device = "cpu" if recipe.train.accelerator == "cpu" else AUTO
        evaluate_run(run.folder, device=device, quiet=options.quiet, run=run.open())
    return 0
