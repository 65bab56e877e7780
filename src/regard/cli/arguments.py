"""What the commands' files share: the parser that a command adds itself to, and options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from regard.cli.boundary import say

if TYPE_CHECKING:
    from regard.experiments import GridOptions

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_T = TypeVar("_T")


def add_command(commands: Commands, name: str, help: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Adds a command whose ``--help`` shows the description and the examples, one command line per line.

    ``help`` is its line in the list of commands.
    """
    lines = "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    return commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """The device to compute on."""
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...; default cpu")


def add_grid(parser: argparse.ArgumentParser, location: str) -> None:
    """Where a grid of cells is kept (``location``: help text of ``--runs``), how many run at a time, what to print."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help=location)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time; default 1")
    parser.add_argument("--threads", type=int, default=1, help="processor threads of each; default 1")
    parser.add_argument("--dry-run", action="store_true", help="print cells and the time they will take, run nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def add_part(parser: argparse.ArgumentParser, word: str) -> None:
    """Fewer or more seeds than the file has, and a selection of its arms or tasks (``word``: for one of them)."""
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 instead of the file's")
    parser.add_argument(
        "--only", action="append", default=[], metavar=word.upper(), help=f"run this {word} only; repeatable"
    )


def grid_options(options: argparse.Namespace) -> GridOptions:
    """The options of `add_grid` and `add_part`."""
    from regard.experiments import GridOptions

    return GridOptions(options.runs, options.workers, options.threads, options.seeds, tuple(options.only))


def integers(text: str) -> tuple[int, ...]:
    """``4,12`` as whole numbers; a type for argparse."""
    return tuple(int(part) for part in text.split(","))


def print_results(results: _T, draw: Callable[[_T], None], file: str, *, as_json: bool) -> None:
    """Results as JSON; or drawn, and then the line that names their file."""
    if as_json:
        from regard.report import json_text

        print(json_text(results), end="")
    else:
        draw(results)
        say(file)
