"""What ``regard data list | info NAME | get NAME --root DIR [--yes]`` prints, as plain records."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from regard.data.catalog import CATALOG, find, get


def list_records() -> list[dict[str, str]]:
    """One record a data set: name, content, download, description."""
    return [
        {"name": e.name, "content": e.content, "download": e.download or "-", "description": e.description}
        for e in CATALOG.values()
    ]


def info_record(name: str) -> dict[str, str]:
    """All that the catalog knows of a data set, and its options with their defaults."""
    entry = find(name)
    facts = ("name", "description", "content", "download", "source", "licence", "homepage", "citation")
    record = {fact: getattr(entry, fact) or "-" for fact in facts}
    return record | {"options": ", ".join(_options(name))}


def get_lines(name: str, root: Path, *, yes: bool, ask: Callable[[str], bool]) -> list[str]:
    """Fetch a data set; ``yes`` answers the question beforehand, which is then printed all the same."""
    shown: list[str] = []

    def confirm(question: str) -> bool:
        if yes:
            shown.append(question.removesuffix("\nDownload it?"))
            return True
        return ask(question)

    done = get(name, root, confirm)
    return [*shown, f"{name} is in {root}" if done else f"{name} was not downloaded"]


def _options(name: str) -> list[str]:
    hidden = ("download", "extra")  # the first is `get`, the second an entry of its own
    return [
        f"{p.name}={p.default!r}"
        for p in inspect.signature(find(name).open).parameters.values()
        if p.default is not inspect.Parameter.empty and p.name not in hidden
    ]
