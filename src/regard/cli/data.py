"""`regard data`: list, info, get, check."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from regard.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    data = commands.add_parser("data", help="data sets: list, info, get, check")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="all data sets").set_defaults(run=_data_list)
    info = actions.add_parser("info", help="splits, size, licence, options of one; without a name, all licences")
    info.add_argument("name", nargs="?")
    info.set_defaults(run=_data_info)
    get = actions.add_parser("get", help="download one, after showing size, source and licence")
    get.add_argument("name")
    get.add_argument("--root", type=Path, required=True, help="folder to put it in")
    get.add_argument("--yes", action="store_true", help="do not ask")
    get.set_defaults(run=_data_get)
    check = actions.add_parser("check", help="read every item and name each bad one")
    check.add_argument("name")
    check.add_argument("--root", help="where the set lies")
    check.set_defaults(run=_data_check)


def _data_list(_: argparse.Namespace, __: list[str]) -> int:
    from regard.data import list_records
    from regard.report import print_records

    print_records(list_records())
    return 0


def _data_info(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data import info_record, licence_records
    from regard.report import print_records

    if options.name is None:
        print_records(licence_records())
        return 0
    for key, value in info_record(options.name).items():
        print(f"{key:<12} {value}")
    return 0


def _data_get(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data import get_lines

    def ask(question: str) -> bool:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    for line in get_lines(options.name, options.root, yes=options.yes, ask=ask):
        print(line)
    return 0


def _data_check(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data import check, open_data

    data = open_data(options.name, options.root)
    problems = [problem for split in (data.train, data.val, data.test) for problem in check(split)]
    for problem in problems:
        print(f"regard: {problem}", file=sys.stderr)
    print(f"{len(problems)} bad items")
    return 1 if problems else 0
