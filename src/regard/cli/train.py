"""`regard train`: trains a recipe and its plain twin, evaluates them, writes the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands
from regard.cli.evaluate import evaluate_run
from regard.constants import AUTO

_DESCRIPTION = """Trains a recipe into runs/<name>, evaluates it on the test split and writes report.html. A run that
was killed goes on from its last checkpoint; a finished one is evaluated again. Fields of one part may be written
together: --align gaze=osie,loss=kl,weight=1. Examples:
`regard train` learns on generated images;
`regard train --objective.budget_bits 6` the same at 6 latent bits;
`regard train --name mine --data.name folder --data.root photos --model.backbone tf_efficientnet_lite0` on your own;
`regard train --recipe cifar10-small --name mine --optim.lr 0.001` a recipe with other values.
The defaults listed below are those of generated images; for others, fields that you leave out follow the situation
(pretrained or not, how many images), and what is chosen is printed.
Besides the recipe's fields: --runs DIR (default runs), --quiet (no progress bar), --no-evaluation (train only),
--smoke (does everything run? one step of training, 32 test images; into RUNS/smoke)."""


def add_train(commands: Commands) -> None:
    """Adds the command."""
    train = commands.add_parser("train", help="train a recipe, evaluate it, write its report", add_help=False)
    train.add_argument("-h", "--help", action="store_true")
    train.add_argument("--runs", type=Path, default=Path("runs"))
    train.add_argument("--quiet", action="store_true")
    train.add_argument("--no-evaluation", action="store_true")
    train.add_argument("--smoke", action="store_true")
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.training import parse_fields, recipe_parser

    if options.help:
        parser = recipe_parser(_DESCRIPTION)
        parser.prog, parser.usage = "regard train", "regard train [--recipe RECIPE] [--PART.FIELD VALUE ...]"
        parser.print_help()
        return 0
    runs = options.runs / "smoke" if options.smoke else options.runs
    given = parse_fields([*fields, *(["--train.fast_dev_run", "true"] if options.smoke else [])])
    # after the fields are read: this imports torch
    from regard.training import fit_recipe, process_rank, train_with_twin

    fitted = fit_recipe(given)
    first = process_rank(fitted.recipe) == 0  # of several processes, one evaluates
    if first and fitted.chosen:
        print(fitted)
    recipe = fitted.recipe
    run = train_with_twin(recipe, runs / recipe.name, quiet=options.quiet, data=fitted.data)
    if first and not options.no_evaluation:
        device = "cpu" if recipe.train.accelerator == "cpu" else AUTO
        evaluate_run(run.folder, device=device, quiet=options.quiet, run=run.open())
    return 0
