"""Data sets by name: finding, opening and fetching them.

Nothing is downloaded except by `get`, and by that only after a confirmation.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regard.data.entries import ENTRIES, Entry
from regard.data.membership import DataRecord
from regard.data.splits import DataSplits
from regard.files import make_folder
from regard.types import RegardError

CATALOG: dict[str, Entry] = {entry.name: entry for entry in ENTRIES}
"""Name -> entry."""


def list_data() -> list[str]:
    """The names of all data sets, keys of `CATALOG`; exported as ``regard.data.list``.

    >>> list_data()[:2]
    ['clutter', 'digits']
    """
    return list(CATALOG)


def find_entry(name: str) -> Entry:
    """The entry of this name; an unknown one is an error that lists the nearest."""
    if name not in CATALOG:
        near = difflib.get_close_matches(name, CATALOG, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise RegardError(f"data set {name!r} is not in the catalog; {hint}there are {', '.join(CATALOG)}")
    return CATALOG[name]


def open_data(
    name: str, /, root: str | Path | None = None, *, record: DataRecord | None = None, **options: Any
) -> DataSplits:
    """Open a data set that is at hand; nothing is downloaded. Exported as ``regard.data.open``, too.

    >>> data = open_data("clutter", size=16, train=4, val=2, test=2, cache=False)
    >>> data.train.batch([0, 1]).images.shape
    torch.Size([2, 3, 16, 16])

    Args:
        name: key of the catalog.
        root: its folder (``csv``: its file), or one that contains it; None reads it from ``$REGARD_DATA``.
        record: of a run: classes and splits are those that it was trained on, whatever was added since, and relative
            paths are found from where it was started, too.
        options: those of the function that opens the set, e.g. ``size=32`` for ``clutter``.

    Raises:
        RegardError: an unknown name or option, no folder, or files that are missing or damaged.
    """
    entry = find_entry(name)
    parameters = inspect.signature(entry.open).parameters
    paths = {
        key: options[key] for key, known in parameters.items() if "Path" in str(known.annotation) and key in options
    }
    if options.get("download"):
        raise RegardError(f"{name}: opening never downloads; use `regard data get {name}`")
    folder = root if root is not None else os.environ.get("REGARD_DATA")
    if entry.needs_root and not folder:
        raise RegardError(f"{name}: no folder given; pass root, or set REGARD_DATA to the folder of data sets")
    if record is not None:
        folder = record.locate(folder) if folder and entry.needs_root else folder
        options = options | {key: str(record.locate(path)) for key, path in paths.items() if path is not None}
        options |= {"record": record} if "record" in parameters else {}
    try:
        place = (Path(folder).expanduser(),) if folder and entry.needs_root else ()
        return entry.open(*place, **options)
    except TypeError as error:
        if not any(words in str(error) for words in ("unexpected keyword argument", "multiple values for")):
            raise
        raise RegardError(f"{name}: {str(error).split('() ')[-1]}; see `regard data info {name}`") from None


def get(name: str, root: str | Path, confirm: Callable[[str], bool]) -> bool:
    """Fetch a data set into a folder after showing its size, source and licence.

    Args:
        name: key of the catalog.
        root: where to put it.
        confirm: is given the facts as text and returns whether to download.

    Returns:
        Whether it was fetched; False after a no.
    """
    entry = find_entry(name)
    if entry.fetch is None:
        raise RegardError(f"{name}: there is nothing to download; it comes from {entry.source}")
    root = Path(root).expanduser()
    question = (
        f"{entry.name}: {entry.description}\n  content:  {entry.content}\n  download: {entry.download} into {root}\n"
        f"  source:   {entry.source}\n  licence:  {entry.licence}\nDownload it?"
    )
    if not confirm(question):
        return False
    make_folder(root)
    entry.fetch(root)
    return True
