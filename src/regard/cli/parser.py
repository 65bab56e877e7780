"""The parser of all commands: commands listed in groups, and what was probably meant where a word is not known."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from regard.errors import printable


class CommandParser(argparse.ArgumentParser):
    """As argparse's; an error ends with the command or option that was probably meant, and with the help to read."""

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
