"""`regard doctor`: what is installed and found, and whether a small run works."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import complain, say

if TYPE_CHECKING:
    from regard.start import Check

_MARKS = {"ok": " ", "missing": "-", "broken": "!"}


def add_doctor(commands: Commands) -> None:
    """Adds the command."""
    doctor = add_command(
        commands,
        "doctor",
        "is everything here that regard needs? versions, devices, extras, data, a small run",
        "Looks at the installation: versions against the ranges that regard requires, devices, extras (- before one "
        "that is not installed, with the command that installs it), packaged weights and the data sets of REGARD_DATA, "
        "room for runs; then trains and explains a tiny network for about ten seconds. Exit code 1 where something is "
        "broken (! before it). Nothing is downloaded or left on the disk.",
        """regard doctor
        regard doctor --no-self-test --json""",
    )
    doctor.add_argument("--no-self-test", action="store_true", help="look only, train nothing")
    doctor.add_argument("--json", action="store_true", help="print JSON instead of lines")
    doctor.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.start import diagnose

    checks = diagnose(self_test=not options.no_self_test)
    found = _as_json(checks) if options.json else _as_lines(checks)
    broken = [check for check in found if check.state == "broken"]
    for check in broken:
        complain(f"{check.name}: {check.found}" + (f"; {check.remedy}" if check.remedy else ""))
    return 1 if broken else 0


def _as_json(checks: Iterable[Check]) -> list[Check]:
    import json
    from dataclasses import asdict

    found = list(checks)
    print(json.dumps([asdict(check) for check in found], indent=1))
    return found


def _as_lines(checks: Iterable[Check]) -> list[Check]:
    """Prints each finding as it comes, below its topic."""
    found: list[Check] = []
    for check in checks:
        if not found or found[-1].topic != check.topic:
            say(check.topic)
        found.append(check)
        remedy = f": {check.remedy}" if check.remedy else ""
        say(f"{_MARKS[check.state]} {check.name:<18} {check.found}{remedy}")
    broken = sum(check.state == "broken" for check in found)
    say("regard works here" if not broken else f"{broken} broken: see !")
    return found
