"""`regard init`: looks at a folder of photographs and writes a recipe for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import complain, say


def add_init(commands: Commands) -> None:
    """Adds the command."""
    init = add_command(
        commands,
        "init",
        "look at your folder of photographs, write a recipe for it",
        "Looks at a folder of images by class (sizes, classes, imbalance, files that cannot be read, copies across "
        "splits), proposes network, size and batch, times a few training steps, and writes a commented recipe. Files "
        "that cannot be read are named and left out by a table beside the recipe; the exit code is then 1.",
        """regard init photos/
        regard init photos/ --out birds.yaml --no-timing""",
    )
    init.add_argument("folder", type=Path, metavar="FOLDER", help="with a subfolder for each class")
    init.add_argument("--out", type=Path, metavar="FILE", help="the recipe to write; default FOLDER's name.yaml")
    init.add_argument("--force", action="store_true", help="replace a recipe that is there")
    init.add_argument("--no-timing", action="store_true", help="time no training steps")
    init.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    import shlex

    from regard.start import facts_lines, look_at, propose, training_time, write_proposal

    facts = look_at(options.folder)
    for line in facts_lines(facts):
        say(line)
    path = options.out or Path(f"{options.folder.resolve().name or 'photos'}.yaml")
    proposal = propose(facts, path)
    fitted = write_proposal(proposal, path, replace=options.force)
    for field, reason in proposal.reasons.items():
        part, name = field.split(".")
        value = proposal.fields[part][name]
        shown = ", ".join(f"{key} {inner}" for key, inner in value.items()) if isinstance(value, dict) else value
        say(f"{field} {shown}: {reason}")
    if not options.no_timing:
        say(f"training: {training_time(fitted)}")
    say(f"recipe: {path}")
    say(f"next: regard train --recipe {shlex.quote(str(path))}")
    say(f"then: regard judge --model runs/{proposal.name}")
    for file, reason in facts.unreadable.items():
        complain(reason if str(file) in reason else f"{file}: {reason}")
    if facts.unreadable and proposal.table is None:
        complain("a class name with a semicolon cannot stand in a table: remove these files before training")
    return 1 if facts.unreadable else 0
