"""`regard table`: arms against each other, seed by seed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from regard.cli.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    table = commands.add_parser(
        "table",
        help="run or resume a table of arms and seeds, and print it with intervals and tests",
        epilog="Fields of the base recipe may follow, as for `regard train`: --train.epochs 1",
    )
    table.add_argument("name", metavar="NAME", help="in recipes/tables, or a table's file; docs/tables.md")
    table.add_argument("--runs", type=Path, default=Path("runs"), help="cells lie in RUNS/NAME")
    table.add_argument("--workers", type=int, default=1, help="processes at a time")
    table.add_argument("--threads", type=int, default=1, help="processor threads of each")
    table.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 instead of the file's")
    table.add_argument("--only", action="append", default=[], metavar="ARM", help="run this arm; repeatable")
    table.add_argument("--dry-run", action="store_true", help="print cells and the time they will take")
    table.add_argument("--json", action="store_true", help="print JSON instead of tables")
    table.set_defaults(run=_run)


def _run(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.report.table import TableOptions, make_table, plan_lines

    how = TableOptions(options.runs, options.workers, options.threads, options.seeds, tuple(options.only))
    if options.dry_run:
        print("\n".join(plan_lines(options.name, fields, how)))
        return 0
    failed = make_table(options.name, fields, how, as_json=options.json)
    for path, why in failed.items() if options.json else ():
        print(f"regard: {path}: {why}", file=sys.stderr)
    return 1 if failed else 0
