"""`regard completion`: what a shell needs to complete commands, options, fields of recipes and their values."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import say
from regard.cli.names import METHOD_NAMES
from regard.files import write_atomically

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def add_completion(commands: Commands) -> None:
    """Adds the command."""
    completion = add_command(
        commands,
        "completion",
        "completion of commands and fields for your shell",
        "Prints, or writes to a file, a script that makes the shell complete commands, options, fields of recipes and "
        "their values with TAB. Nothing of regard runs while you type, so write it again after an update. For zsh, the "
        "file's folder must be on fpath.",
        """regard completion bash --out ~/.local/share/bash-completion/completions/regard
        regard completion zsh --out ~/.zfunc/_regard
        regard completion fish --out ~/.config/fish/completions/regard.fish""",
    )
    completion.add_argument("shell", choices=SHELLS, help="that is to complete")
    completion.add_argument("--out", type=Path, metavar="FILE", help="write the script there instead of printing it")
    completion.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    import shtab

    script = shtab.complete(_whole_parser(), shell=options.shell)
    if options.out is None:
        print(script)
    else:
        write_atomically(options.out.expanduser(), script + "\n", parents=True)
        say(f"{options.out}: read by the next {options.shell}")
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """The parser of all commands, with the fields of a recipe where they may follow, and the values of names."""
    from regard.cli import TAKES_FIELDS, _parser, command_of

    parser = _parser()
    for name in TAKES_FIELDS:
        command = command_of(parser, name)
        _add_fields(command)
    _know_values(parser)
    return parser


def _add_fields(command: argparse.ArgumentParser) -> None:
    from regard.training import recipe_parser

    taken = {option for action in command._actions for option in action.option_strings}
    for action in recipe_parser("read docstrings")._actions:
        new = [option for option in action.option_strings if option not in taken and not option.endswith("+")]
        if new and action.default is not argparse.SUPPRESS:
            given = str(action.metavar or "")
            choices = given.strip("{}").split(",") if given.startswith("{") else None
            text = " ".join(str(action.help).split()).partition(". ")[0].replace("%", "%%")
            command.add_argument(*new, choices=choices, help=text)


def _know_values(parser: argparse.ArgumentParser) -> None:
    """Files where a path is asked for, folders where a folder is; names of data sets, methods and attention."""
    import shtab

    from regard.data import CATALOG
    from regard.training import ATTENTION_NAMES

    names = {"data.name": CATALOG, "model.attention": ATTENTION_NAMES, "method": METHOD_NAMES}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            action.choices = action._name_parser_map  # a command that also takes a file has none
            for command in action._name_parser_map.values():
                _know_values(command)
        elif action.dest in names or (action.dest == "name" and "data set" in str(action.help)):
            action.choices = list(names.get(action.dest, CATALOG))
        elif action.choices is None and (action.type is Path or action.dest in ("recipe", "model", "data.root")):
            folder = action.metavar in ("FOLDER", "RUN", "DIR") or action.dest in ("runs", "out", "data.root")
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
