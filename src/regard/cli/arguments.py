"""What the commands' files share: the parser that a command adds itself to, and options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from regard.cli.boundary import say
from regard.cli.parser import CommandParser
from regard.constants import AUTO

if TYPE_CHECKING:
    from regard.experiments import GridOptions, WorkerOptions
    from regard.gaze import GazeReading

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"
GRID_FIRST = ("--runs", "--workers", "--gpus", "--smoke", "--dry-run")
"""Options of `add_grid` that most people set."""
_T = TypeVar("_T")


def add_command(commands: Commands, name: str, help: str, description: str, examples: str) -> CommandParser:
    """Adds a command whose ``--help`` shows the description, every default, and the examples, one line each.

    ``help`` is its line in the list of commands.
    """
    lines = "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    return commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"examples:\n{lines}",
        formatter_class=DefaultsHelp,
    )


class DefaultsHelp(argparse.RawDescriptionHelpFormatter):
    """Says every default that the help of an option does not say itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        says = action.default in (None, False, True, argparse.SUPPRESS) or isinstance(action.default, list)
        if says or not text or "default" in text or not action.option_strings:
            return text
        return f"{text}; default %(default)s"


def add_device(parser: argparse.ArgumentParser) -> None:
    """The device to compute on."""
    parser.add_argument(
        "--device",
        default=AUTO,
        help="cpu, cuda, cuda:1, mps; default auto: a CUDA device where there is one, else cpu",
    )


def add_learning(parser: argparse.ArgumentParser) -> None:
    """What ``amortized_iba`` and two metrics, which learn first, learn from, and where the former is kept."""
    parser.add_argument(
        "--learn-from", type=Path, metavar="FOLDER", help="images without labels, some hundred, for what learns first"
    )
    parser.add_argument(
        "--learned", type=Path, metavar="FOLDER", help="where what it learned is kept; default OUT/amortized_iba"
    )


def method_options(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Options of methods: those of ``--option`` and of `add_learning`."""
    from regard.judge import parse_options

    given = parse_options(options.option)
    if options.learn_from is not None or options.learned is not None:
        learning = {"learned": str(options.learned or options.out / "amortized_iba")}
        learning |= {} if options.learn_from is None else {"learn_from": str(options.learn_from)}
        given["amortized_iba"] = learning | given.get("amortized_iba", {})
    return given


def add_grid(parser: argparse.ArgumentParser, location: str) -> None:
    """Where a grid of cells is kept (``location``: help text of ``--runs``), how many run at a time, what to print."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help=location)
    _add_engine(parser, "cell", "default 1, on a cluster what it has room for")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="finished cells and result files are kept there, too, and count: s3://bucket/runs, file:///folder",
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="does everything run? one step of training, few test images, one seed, no tuning; into RUNS/smoke",
    )
    parser.add_argument("--dry-run", action="store_true", help="print cells and the time they will take, run nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _add_engine(parser: argparse.ArgumentParser, word: str, default: str) -> None:
    """How many at a time, and where; ``word`` is what each does."""
    parser.add_argument("--workers", type=int, help=f"{word}s at a time; {default}")
    parser.add_argument("--threads", type=int, default=1, help=f"processors of each {word}; default 1")
    parser.add_argument(
        "--gpus",
        type=float,
        help=f"GPUs of each {word}, such as .5 or 2; default 1 where there are, shared if they are few",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of a Ray cluster, or auto for this machine's; default: this machine alone",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Worker processes for a command over many images."""
    _add_engine(parser, "shard", "default: none, this process alone; docs/cluster.md")


def worker_options(options: argparse.Namespace) -> WorkerOptions | None:
    """The options of `add_workers`; None where no workers are wanted."""
    if options.workers is None and options.address is None:
        return None
    from regard.experiments import WorkerOptions

    return WorkerOptions(options.workers, options.threads, options.gpus, options.address)


def add_part(parser: argparse.ArgumentParser, word: str) -> None:
    """Fewer or more seeds than the file has, and a selection of its arms or tasks (``word``: for one of them)."""
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 instead of the file's")
    parser.add_argument(
        "--only", action="append", default=[], metavar=word.upper(), help=f"run this {word} only; repeatable"
    )


def grid_options(options: argparse.Namespace) -> GridOptions:
    """The options of `add_grid` and `add_part`."""
    from regard.experiments import GridOptions

    runs = options.runs / "smoke" if options.smoke else options.runs
    return GridOptions(
        runs,
        options.workers,
        options.threads,
        options.gpus,
        options.address,
        seeds=getattr(options, "seeds", None),
        only=tuple(getattr(options, "only", ())),
        smoke=options.smoke,
        trials=getattr(options, "trials", None),
        store=options.store,
    )


def add_gaze(parser: argparse.ArgumentParser) -> None:
    """How a file of fixations is to be read."""
    gaze = parser.add_argument_group("how fixations are read", "by default columns are found and units checked")
    gaze.add_argument(
        "--columns",
        type=_columns,
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="columns of the file, such as x=FixX,y=FixY; names: image, x, y, subject, order, duration",
    )
    gaze.add_argument("--units", choices=("auto", "pixels", "fraction"), default="auto", help="of x and y")
    gaze.add_argument("--first-pixel", type=int, choices=(0, 1), default=0, help="number of the first pixel; default 0")
    gaze.add_argument("--gaze-size", type=_size, metavar="WxH", help="of the screen that x and y are pixels of")
    units = ("auto", "ms", "s", "us", "ns")
    gaze.add_argument("--duration-unit", choices=units, default="auto", help="of durations")
    gaze.add_argument("--points-outside", choices=("raise", "drop"), default="raise", help="drop: leave out, count")
    gaze.add_argument("--pixels-per-degree", type=float, metavar="P", help="pixels of a degree of visual angle")


def gaze_reading(options: argparse.Namespace) -> GazeReading:
    """The options of `add_gaze`."""
    reading: GazeReading = {
        "units": options.units,
        "first_pixel": options.first_pixel,
        "gaze_size": options.gaze_size,
        "duration_unit": options.duration_unit,
        "points_outside": options.points_outside,
    }
    if options.columns:
        reading["columns"] = {name: column for part in options.columns for name, column in part.items()}
    if options.pixels_per_degree is not None:
        reading["pixels_per_degree"] = options.pixels_per_degree
    return reading


def _columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and equals and column for name, equals, column in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COLUMN, such as x=FixX or x=FixX,y=FixY")
    return {name.strip(): column.strip() for name, _, column in pairs}


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.lower().partition("x")
    if not (x and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT in pixels, such as 1920x1080")
    return int(height), int(width)


def integers(text: str) -> tuple[int, ...]:
    """``4,12`` as whole numbers; a type for argparse."""
    return tuple(int(part) for part in text.split(","))


def positive(text: str) -> int:
    """A whole number of at least 1; a type for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number of at least 1 is needed")
    return int(text)


def print_results(results: _T, draw: Callable[[_T], None], file: str, *, as_json: bool) -> None:
    """Results as JSON; or drawn, and then the line that names their file."""
    if as_json:
        from regard.report import json_text

        print(json_text(results), end="")
    else:
        draw(results)
        say(file)
