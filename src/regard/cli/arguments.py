"""What the commands' files share: the parser that a command adds itself to, and options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from regard.experiments import GridOptions

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands: TypeAlias = argparse._SubParsersAction


def add_command(commands: Commands, name: str, help: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Adds a command, or an action of a command, whose ``--help`` ends with examples.

    Args:
        commands: the parser of commands, or of a command's actions.
        name: of the command.
        help: one line for the list of commands.
        description: what it does, and what it needs.
        examples: one command line per line.
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
    """Where a grid of cells is kept, how many run at a time, and what to print.

    Args:
        parser: of the command.
        location: help text of ``--runs``.
    """
    parser.add_argument("--runs", type=Path, default=Path("runs"), help=location)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time; default 1")
    parser.add_argument("--threads", type=int, default=1, help="processor threads of each; default 1")
    parser.add_argument("--dry-run", action="store_true", help="print cells and the time they will take, run nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def add_part(parser: argparse.ArgumentParser, word: str) -> None:
    """Fewer or more seeds than the file has, and a selection of its arms or tasks.

    Args:
        parser: of the command.
        word: for one of the selection, such as ``arm``.
    """
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
