"""`regard table`: arms against each other, seed by seed."""

from __future__ import annotations

import argparse
import sys

from regard.cli.arguments import Commands, add_grid, add_part, grid_options


def add(commands: Commands) -> None:
    """Adds the command."""
    table = commands.add_parser(
        "table",
        help="run or resume a table of arms and seeds, and print it with intervals and tests",
        epilog="Fields of the base recipe may follow, as for `regard train`: --train.epochs 1",
    )
    table.add_argument("name", metavar="NAME", help="in recipes/tables, or a table's file; docs/tables.md")
    add_part(table, "arm")
    add_grid(table, "cells lie in RUNS/NAME")
    table.set_defaults(run=_run)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.experiments.tables import make_table, plan_lines

    how = grid_options(options)
    if options.dry_run:
        print("\n".join(plan_lines(options.name, fields, how)))
        return 0
    failed = make_table(options.name, fields, how, as_json=options.json)
    for path, why in failed.items() if options.json else ():
        print(f"regard: {path}: {why}", file=sys.stderr)
    return 1 if failed else 0
