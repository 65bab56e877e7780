"""What every command's file knows: the parser that it adds itself to.

Options of every command that runs a grid of cells.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from regard.experiments import GridOptions


if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands: TypeAlias = argparse._SubParsersAction


def add_grid(parser: argparse.ArgumentParser, lies: str) -> None:
    """Where it lies, how many at a time, and what to print."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help=lies)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, default=1, help="processor threads of each")
    parser.add_argument("--dry-run", action="store_true", help="print cells and the time they will take")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def add_part(parser: argparse.ArgumentParser, word: str) -> None:
    """Fewer or more seeds than the file's, and a part of what it holds."""
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 instead of the file's")
    parser.add_argument(
        "--only", action="append", default=[], metavar=word.upper(), help=f"run this {word}; repeatable"
    )


def grid_options(options: argparse.Namespace) -> GridOptions:
    """What was said, of a command that has both."""
    from regard.experiments import GridOptions

    return GridOptions(options.runs, options.workers, options.threads, options.seeds, tuple(options.only))
