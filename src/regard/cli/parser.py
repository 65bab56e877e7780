"""The parser of all commands: commands listed in groups, common options first, and what was probably meant.

``--help`` of a command with many options shows those that most people set, in groups (`CommandParser.show_first`);
``--help-all`` shows every option, these first.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from regard.errors import printable


class CommandParser(argparse.ArgumentParser):
    """As argparse's; an error ends with the command or option that was probably meant, and with the help to read.

    Attributes:
        first: title -> the options, or the positional arguments by their names, that ``--help`` shows; all where empty.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.first: dict[str, tuple[str, ...]] = {}
        if self.add_help:
            self.add_argument("--help-all", action=_HelpAll, help="show every option and exit")

    def show_first(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Has ``--help`` show these options alone; call it after all options were added.

        Args:
            groups: title -> options, as ``--model``, or positional arguments by their names.
        """
        self.first = {title: tuple(names) for title, names in groups.items()}

    def format_help(self, *, every: bool = False) -> str:
        """The help: of the common options where there are such, or of every option."""
        if not self.first:
            return super().format_help()
        named = {name: action for action in self._actions for name in (*action.option_strings, action.dest)}
        common = {title: [named[name] for name in names] for title, names in self.first.items()}
        shown = [action for actions in common.values() for action in actions]
        others = [action for action in self._actions if action not in shown and action.help != argparse.SUPPRESS]
        about = [action for action in others if action.dest in ("help", "help_all")]
        hidden = [action for action in others if action not in about]
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, [*shown, *(hidden if every else ())], self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for title, actions in common.items():
            _add_section(formatter, title, None, actions)
        if every:
            rest = [
                action
                for action in hidden
                if action in (*self._positionals._group_actions, *self._optionals._group_actions)
            ]
            _add_section(formatter, "more options", None, rest)
            for group in self._action_groups[2:]:
                left = [action for action in group._group_actions if action in hidden]
                _add_section(formatter, group.title or "", group.description, left)
        else:
            formatter.add_text(shown_of(len(shown), len(shown) + len(hidden), "options", self.prog))
        _add_section(formatter, "help", None, about)
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """Prints usage, message and advice, and exits with 2."""
        self.exit(2, f"{self.format_usage()}{self.prog}: error: {printable(message)}{self._advice(message)}\n")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """The error for words that no option of this command takes."""
        self.error(f"unrecognized arguments: {' '.join(words)}")

    def _advice(self, message: str) -> str:
        choice = re.match(r"argument \S+: invalid choice: '(.*)' \(choose from (.*)\)$", message, re.DOTALL)
        known = re.findall(r"[\w-]+", choice[2]) if choice else []
        meant = difflib.get_close_matches(choice[1], known, n=2) if choice else []
        for word in message.partition("unrecognized arguments: ")[2].split():
            if word.startswith("-"):
                options = [name for action in self._actions for name in action.option_strings]
                meant += difflib.get_close_matches(word.partition("=")[0], options, n=2)
        did = f"; did you mean {' or '.join(dict.fromkeys(meant))}?" if meant else ""
        return f"{did} See {self.prog} --help" if did else f"; see {self.prog} --help"


class _HelpAll(argparse.Action):
    """``--help-all``."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        assert isinstance(parser, CommandParser)
        print(parser.format_help(every=True), end="")
        parser.exit()


def shown_of(shown: int, every: int, what: str, prog: str) -> str:
    """How many options or fields a help shows, and what shows the others."""
    return f"{shown} of {every} {what} are shown; `{prog} --help-all` explains every one."


def _add_section(
    formatter: argparse.HelpFormatter, title: str, text: str | None, actions: Sequence[argparse.Action]
) -> None:
    if actions:
        formatter.start_section(title)
        formatter.add_text(text)
        formatter.add_arguments(actions)
        formatter.end_section()


def grouped(groups: Mapping[str, Sequence[str]]) -> type[argparse.HelpFormatter]:
    """A formatter that lists commands below the titles of their groups: ``{title: names}``."""

    class Grouped(argparse.RawDescriptionHelpFormatter):
        def _format_action(self, action: argparse.Action) -> str:
            if not isinstance(action, argparse._SubParsersAction):
                return super()._format_action(action)
            entries = {str(entry.dest): entry for entry in self._entries(action)}
            lines: list[str] = []
            for title, names in groups.items():
                lines.append(f"  {title}:\n")
                self._indent()
                lines += [super(Grouped, self)._format_action(entries[name]) for name in names]
                self._dedent()
            return "".join(lines)

        def _entries(self, action: argparse.Action) -> Iterator[argparse.Action]:
            yield from action._get_subactions()  # type: ignore[attr-defined]

    return Grouped
