"""`regard table`: arms against each other, seed by seed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from regard.cli.arguments import GRID_FIRST, Commands, add_command, add_grid, add_part, grid_options
from regard.cli.boundary import complain

if TYPE_CHECKING:
    from regard.experiments import GridOptions
    from regard.experiments.tables import OpenTable

_TABLES = "cifar10, cub50, paper-cub, paper-vgg, paper-wrn"


def add_table(commands: Commands) -> None:
    """Adds the command."""
    table = add_command(
        commands,
        "table",
        "run or resume a table of arms and seeds, and print it with intervals and tests",
        "Runs every arm of a table (one setting of the recipe) with every seed (each training is a cell), or resumes "
        "it, and prints means, intervals and paired tests. "
        "Fields of the base recipe may follow, as for `regard train`.",
        """regard table cifar10 --dry-run
        regard table cifar10 --workers 2
        regard table cifar10 --trials 12 --workers 2
        regard table cifar10 --only plain --seeds 1 --train.epochs 1""",
    )
    table.add_argument("name", metavar="NAME", help=f"a file, or one that comes along: {_TABLES}; docs/tables.md")
    add_part(table, "arm")
    table.add_argument("--trials", type=int, metavar="N", help="of tuning, for every arm: more are found by Optuna")
    add_grid(table, "cells are kept in RUNS/NAME")
    table.show_first(
        {
            "what is run": ("name", "--seeds", "--only"),
            "the run": (*GRID_FIRST,),
        }
    )
    table.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.experiments.tables import open_table

    how = grid_options(options)
    return run_table(open_table(options.name, fields, how), how, options)


def run_table(table: OpenTable, how: GridOptions, options: argparse.Namespace) -> int:
    """Runs a table's cells, or prints what would run; its exit code."""
    from regard.experiments.tables import make_table, table_plan_lines

    if options.dry_run:
        print("\n".join(table_plan_lines(table, how)))
        return 0
    failed = make_table(table, how, as_json=options.json)
    for path, why in failed.items() if options.json else ():
        complain(f"{path}: {why}")
    return 1 if failed else 0
