"""`regard report`: a run's page, written again."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command


def add_report(commands: Commands) -> None:
    """Adds the command."""
    report = add_command(
        commands,
        "report",
        "write a run's report.html again",
        "Writes report.html out of the files in an evaluated run's folder; no network is loaded.",
        "regard report runs/default",
    )
    report.add_argument("folder", type=Path, metavar="RUN", help="a run's folder, such as runs/default")
    report.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import write_report

    print(f"report: {write_report(options.folder)}")
    return 0
