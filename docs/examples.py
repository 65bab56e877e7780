"""A griffe extension: examples in docstrings become code blocks of the site.

Outside a section ``Example:`` the docstring parser takes ``>>>`` for a quotation, and an output in brackets for a link.
"""

from typing import Any

import griffe


class CodeExamples(griffe.Extension):
    """Fence every block of lines that begins with ``>>>`` at the margin of a docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called once for each object that is collected."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """The text with ``pycon`` fences around its examples, each of which ends at an empty line."""
    lines: list[str] = []
    inside = False
    for line in [*text.splitlines(), ""]:
        if not inside and line.startswith(">>> "):
            lines.append("```pycon")
            inside = True
        elif inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line)
    return "\n".join(lines).rstrip()
