"""`regard sweep`: one field of a recipe at several values, against the bits that pass."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace
from typing import Any

from regard.cli.arguments import GRID_FIRST, Commands, add_command, add_grid, grid_options
from regard.cli.table import run_table
from regard.errors import RegardError
from regard.reading import DataError, parse_yaml


def add_sweep(commands: Commands) -> None:
    """Adds the command."""
    sweep = add_command(
        commands,
        "sweep",
        "one field of a recipe at several values: the information plane",
        "Trains a recipe at several values of one field and prints accuracy, bits and all other scores against it: "
        "with budgets, the information plane. Fields of the recipe may follow, as for `regard train`.",
        """regard sweep --budgets 2,6,20 --workers 2
        regard sweep --betas 1e-4,1e-3 --seeds 3 --recipe cifar10-small
        regard sweep --field model.latent --values 8,32 --train.epochs 1 --dry-run""",
    )
    what = sweep.add_mutually_exclusive_group(required=True)
    what.add_argument("--budgets", metavar="BITS,...", help="of the latent: objective.budget_bits")
    what.add_argument("--betas", metavar="BETA,...", help="objective.beta, without a budget")
    what.add_argument("--field", metavar="PART.NAME", help="any other field; with --values")
    sweep.add_argument("--values", metavar="VALUE,...", help="of --field, in YAML")
    sweep.add_argument(
        "--unknown", metavar="DATA", help="a data set or folder: does the rate tell its images from test images?"
    )
    sweep.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N-1 of every value")
    add_grid(sweep, "cells are kept in RUNS/NAME-sweep")
    sweep.show_first(
        {
            "what is swept": ("--budgets", "--betas", "--field", "--values", "--seeds"),
            "the run": (*GRID_FIRST,),
        }
    )
    sweep.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.experiments.tables import BETA, BUDGET, open_sweep
    from regard.training import parse_recipe

    if (options.field is None) != (options.values is None):
        raise RegardError("--field and --values belong together, as in --field model.anchors --values 2,5,10")
    how = replace(grid_options(options), seeds=None)
    recipe = how.tried(parse_recipe(fields))
    field = options.field or (BUDGET if options.budgets else BETA)
    values = _values(options.values or options.budgets or options.betas)
    sweep = open_sweep(recipe, field, values, how.seeds_of(list(range(options.seeds))), unknown=options.unknown)
    return run_table(sweep, how, options)


def _values(text: str) -> list[Any]:
    """Values with commas, as YAML has them; 1e-3 is a number, too."""
    try:
        return [_number(value) for value in parse_yaml(f"[{text}]")]
    except DataError as error:
        raise RegardError(f"values {text!r}: {' '.join(str(error).split())}") from None


def _number(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value
