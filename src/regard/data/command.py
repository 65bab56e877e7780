"""What ``regard data list | info [NAME] | get NAME --root DIR [--yes]`` prints, as plain records."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regard.data.catalog import CATALOG, find, get
from regard.data.files import as_size


def list_records() -> list[dict[str, str]]:
    """One record a data set: name, content, download, description."""
    return [
        {"name": e.name, "content": e.content, "download": e.download or "-", "description": e.description}
        for e in CATALOG.values()
    ]


def licence_records() -> list[dict[str, str]]:
    """One record a data set: name, content, download, licence."""
    return [
        {"name": e.name, "content": e.content, "download": e.download or "-", "licence": e.licence}
        for e in CATALOG.values()
    ]


def info_record(name: str) -> dict[str, str]:
    """All that the catalog knows of a data set, its splits and size by default, and its options."""
    entry, options = find(name), _options(name)
    facts = ("name", "description", "content", "download", "source", "licence", "homepage", "citation")
    record = {fact: getattr(entry, fact) or "-" for fact in facts}
    return record | {
        "splits": _splits(options),
        "size": _size(options),
        "options": ", ".join(f"{key}={value!r}" for key, value in options.items()) or "-",
    }


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


def _size(options: dict[str, Any]) -> str:
    if "size" not in options:
        return "as in content"
    height, width = as_size(options["size"])
    return f"{height}x{width} pixels, or another"


def _splits(options: dict[str, Any]) -> str:
    if "train" in options:
        return ", ".join(f"{options[name]:,} {name}" for name in ("train", "val", "test")) + ", or other numbers"
    if not any(f"{name}_share" in options for name in ("val", "test")):
        return "fixed, as in content"
    taken = [name for name in ("val", "test") if f"{name}_share" in options]
    shares = " and ".join(f"{options[f'{name}_share']:.0%} for {name}" for name in taken)
    return f"{shares} of the training images, each class in proportion, where there are none"


def _options(name: str) -> dict[str, Any]:
    """The options of a data set and their defaults."""
    hidden = ("download", "extra")  # the first is `get`, the second an entry of its own
    return {
        p.name: p.default
        for p in inspect.signature(find(name).open).parameters.values()
        if p.default is not inspect.Parameter.empty and p.name not in hidden
    }
