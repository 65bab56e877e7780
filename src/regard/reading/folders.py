"""Names of folders that somebody may choose for others, and links in folders that others made."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from regard.errors import RegardError

_ENTRIES = 100_000


def check_name(name: str, what: str) -> str:
    """A name of a folder below another one, such as ``mine`` or ``mine/twin``, which cannot lead out of that.

    Raises:
        RegardError: an absolute path, ``..``, an empty or blank part, or a control character.

    >>> check_name("mine/twin", "name")
    'mine/twin'
    """
    parts, windows = name.split("/"), PureWindowsPath(name)
    bad = any(part.strip() in ("", ".", "..") for part in parts) or windows.anchor or ".." in windows.parts
    if bad or len(name) > 200 or any(not character.isprintable() for character in name):
        raise RegardError(
            f"{what} {name[:80]!r} does not name a folder below another one: give words, such as mine, without .., "
            "without / at the start and without control characters"
        )
    return name


def check_links(folder: str | Path) -> None:
    """Refuses a folder in which a symbolic link leads out of it: reading would show, and writing change, other files.

    Links that the Hugging Face hub's cache makes, from a snapshot to the files of the same model, are allowed.

    Raises:
        RegardError: there is such a link, or the folder has more than 100,000 entries.
    """
    root = Path(folder).resolve()
    inside = [root, *([root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [])]
    seen = 0
    for place, folders, files in os.walk(root):
        seen += len(folders) + len(files)
        if seen > _ENTRIES:
            raise RegardError(f"{folder}: more than {_ENTRIES:,} entries, which no run or model has; correct the path")
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink() and not any(_target(path).is_relative_to(allowed) for allowed in inside):
                raise RegardError(
                    f"{path}: is a link that leads out of {folder}, to {path.readlink()}; put what it leads to in its "
                    "place, or remove it"
                )


def _target(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links that lead to each other
        return Path("/")
