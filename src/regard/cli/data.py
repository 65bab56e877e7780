"""`regard data`: list, info, get, check."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regard.cli.arguments import Commands, add_command


def add_data(commands: Commands) -> None:
    """Adds the command."""
    data = add_command(
        commands,
        "data",
        "data sets: list, info, get, check",
        "Data sets: which there are, their licence and options, how to get one, whether all its files can be read.",
        """regard data list
        regard data info clutter
        regard data get cifar10 --root DATA
        regard data check folder --root photos""",
    )
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="all data sets").set_defaults(run=_data_list)
    info = actions.add_parser("info", help="splits, size, licence, options of one; without a name, all licences")
    info.add_argument("name", nargs="?", help="a data set; `regard data list`")
    info.set_defaults(run=_data_info)
    get = actions.add_parser("get", help="download one, after showing size, source and licence")
    get.add_argument("name", help="a data set; `regard data list`")
    get.add_argument("--root", type=Path, required=True, help="folder to put it in")
    get.add_argument("--yes", action="store_true", help="do not ask")
    get.set_defaults(run=_data_get)
    check = actions.add_parser("check", help="read every item and name each bad one")
    check.add_argument("name", help="a data set; `regard data list`")
    check.add_argument("--root", help="its folder")
    check.set_defaults(run=_data_check)


def _data_list(_: argparse.Namespace, __: list[str]) -> int:
    from regard.report import print_records

    print_records(catalog_records("description"))
    return 0


def _data_info(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import print_records

    if options.name is None:
        print_records(catalog_records("licence"))
        return 0
    for key, value in info_record(options.name).items():
        print(f"{key:<12} {value}")
    return 0


def _data_get(options: argparse.Namespace, _: list[str]) -> int:
    def ask(question: str) -> bool:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    for line in get_lines(options.name, options.root, yes=options.yes, ask=ask):
        print(line)
    return 0


def _data_check(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data import check_split, open_data

    data = open_data(options.name, options.root)
    problems = [problem for split in (data.train, data.val, data.test) for problem in check_split(split)]
    for problem in problems:
        print(f"regard: {problem}", file=sys.stderr)
    print(f"{len(problems)} bad items")
    return 1 if problems else 0


def catalog_records(last: str) -> list[dict[str, str]]:
    """One record per data set: name, content, download, and the entry's field ``last``."""
    from regard.data import CATALOG

    fields = ("name", "content", "download", last)
    return [{field: getattr(entry, field) or "-" for field in fields} for entry in CATALOG.values()]


def info_record(name: str) -> dict[str, str]:
    """The catalog's entry of a data set, its default splits and size, and its options."""
    from regard.data import find_entry

    entry = find_entry(name)
    hidden = ("download", "extra")  # the first is `regard data get`, the second an entry of its own
    defaults = {p.name: p.default for p in inspect.signature(entry.open).parameters.values() if p.name not in hidden}
    options = {name: value for name, value in defaults.items() if value is not inspect.Parameter.empty}
    fields = ("name", "description", "content", "download", "source", "licence", "homepage", "citation")
    return {field: getattr(entry, field) or "-" for field in fields} | {
        "splits": _splits(options),
        "size": _size(options.get("size")),
        "options": ", ".join(f"{key}={value!r}" for key, value in options.items()) or "-",
    }


def _size(default: int | tuple[int, int] | None) -> str:
    if default is None:
        return "as in content"
    height, width = (default, default) if isinstance(default, int) else default
    return f"{height}x{width} pixels, or another"


def _splits(options: dict[str, Any]) -> str:
    if "train" in options and options["train"] is None:
        return "as in content, or fewer"
    if "train" in options:
        return ", ".join(f"{options[name]:,} {name}" for name in ("train", "val", "test")) + ", or other numbers"
    shares = [f"{options[f'{name}_share']:.0%} for {name}" for name in ("val", "test") if f"{name}_share" in options]
    if not shares:
        return "fixed, as in content"
    return f"{' and '.join(shares)} of the training images, each class in proportion, where there are none"


def get_lines(name: str, root: Path, *, yes: bool, ask: Callable[[str], bool]) -> list[str]:
    """Fetch a data set and return the lines to print; with ``yes`` the question is printed, not asked."""
    from regard.data import get

    lines: list[str] = []

    def confirm(question: str) -> bool:
        if yes:
            lines.append(question.removesuffix("\nDownload it?"))
            return True
        return ask(question)

    done = get(name, root, confirm)
    return [*lines, f"{name} is in {root}" if done else f"{name} was not downloaded"]
