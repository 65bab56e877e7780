"""One cell of a grid: what is to be done, by which callable, and the folder that holds what came of it.

wanted.json    what was asked for
claim-N.json   who is at work on it (see `claims`)
log.txt        what the worker said
cell.json      done: numbers, and what was asked for; written last
cell.npz       arrays, one value an image
failed.json    the last lines of what went wrong, instead
"""

from __future__ import annotations

import importlib
import json
import re
import socket
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import RegardError
from regard.files import write_arrays, write_json

_SCHEMA = 1
WANTED, DONE, ARRAYS, FAILED, LOG = "wanted.json", "cell.json", "cell.npz", "failed.json", "log.txt"
RUN = "run"
"""Folder of the training run inside a cell's folder."""


@dataclass(frozen=True)
class Cell:
    """Work for one process.

    Attributes:
        path: its folder in the grid's; see `cell_path`.
        arm: what is compared.
        seed: what is repeated; cells of different arms with one seed are paired.
        kind: a name in `KINDS`, or ``module:function``.
        spec: what the callable is told, as JSON has it. A finished cell whose spec is another one is done again.
        size: how much work it is beside others (epochs, say), for estimates of time alone.
    """

    path: str
    arm: str
    seed: int
    kind: str
    spec: Mapping[str, Any]
    size: float = 1.0

    @property
    def asked(self) -> dict[str, Any]:
        """What decides the result, as it comes back from JSON."""
        asked: dict[str, Any] = json.loads(
            json.dumps({"arm": self.arm, "seed": self.seed, "kind": self.kind, "spec": dict(self.spec)})
        )
        return asked


@dataclass(frozen=True)
class Result:
    """What came of a cell.

    Attributes:
        values: numbers and words by name, as JSON has them; ``val_accuracy`` is shown while the grid runs.
        arrays: arrays by name, numbers or bools.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


Work = Callable[[Cell, Path], Result]
"""Does a cell in its folder; called again with the same folder after a kill, it goes on where it stopped."""

KINDS: dict[str, str] = {
    "classifier": "regard.experiments.tables.classifier:run_classifier",
    "study": "regard.experiments.study.cells:run_cell",
}
"""Name -> ``module:function`` of a `Work`, imported only in the worker."""


def cell_path(arm: str, seed: int) -> str:
    """The folder of an arm's cell: ``AIB, quantized`` with seed 0 lies in ``AIB-quantized/seed-0``."""
    return f"{slug(arm)}/seed-{seed}"


def slug(words: str) -> str:
    """Words as a folder's name, or several with ``/`` between."""
    parts = [re.sub(r"[^A-Za-z0-9_.=+-]+", "-", part).strip("-.") for part in words.split("/")]
    if not all(parts):
        raise RegardError(f"{words!r} cannot name a folder; use letters and digits")
    return "/".join(parts)


def work_of(kind: str) -> Work:
    """The callable of a kind.

    Raises:
        RegardError: there is none of this name.
    """
    module, _, name = KINDS.get(kind, kind).partition(":")
    try:
        work: Work = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RegardError(
            f"cells of kind {kind!r}: {error}; give module:function, or one of {', '.join(KINDS)}"
        ) from None
    return work


def done(cell: Cell, root: Path) -> dict[str, Any] | None:
    """cell.json, if the cell is finished and is the one that is wanted."""
    held = read_json(root / cell.path / DONE)
    return held if held is not None and held.get("asked") == cell.asked else None


def read_result(cell: Cell, root: Path) -> Result | None:
    """Numbers and arrays of a finished cell; None where it is not finished. Nothing stored is executed.

    Raises:
        RegardError: the arrays are missing or broken.
    """
    held = done(cell, root)
    if held is None:
        return None
    file = root / cell.path / ARRAYS
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return Result(held["values"], {name: arrays[name] for name in arrays})
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise RegardError(f"{file}: cannot be read ({error}); remove {file.parent / DONE} to measure again") from error


def write_result(cell: Cell, folder: Path, result: Result, seconds: float) -> None:
    """Arrays first, then cell.json, which says that all is there."""
    write_arrays(folder / ARRAYS, result.arrays, parents=True)
    said = {"schema": _SCHEMA, "asked": cell.asked, "seconds": round(seconds, 1), "host": socket.gethostname()}
    write_json(folder / DONE, said | {"size": cell.size, "values": dict(result.values)})


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none, or no whole one."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None
