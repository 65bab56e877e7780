"""`regard report`: a run's page, written again."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    report = commands.add_parser("report", help="write a run's report.html again")
    report.add_argument("folder", type=Path, metavar="RUN")
    report.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import write_report

    print(f"report: {write_report(options.folder)}")
    return 0
