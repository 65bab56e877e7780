"""One cell of a grid: what is to be done, by which callable, and its folder.

Files in a cell's folder:

log.txt        output of the worker
cell.json      the result's numbers, and the request; written last
cell.npz       the result's arrays, one value per image
failed.json    instead, where the cell failed: the last lines of the error
"""

from __future__ import annotations

import importlib
import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from regard.errors import RegardError
from regard.files import write_arrays, write_json
from regard.reading import read_arrays, read_json_file
from regard.training import recipe_from

_SCHEMA = 1
RESULT_FILE, ARRAYS_FILE = "cell.json", "cell.npz"
FAILED_FILE, LOG_FILE = "failed.json", "log.txt"
RUN = "run"
"""Folder of the training run inside a cell's folder."""


@dataclass(frozen=True)
class Cell:
    """Work for one process.

    Attributes:
        path: its folder in the grid's; see `cell_path`.
        arm: what is compared.
        seed: what is repeated; cells of different arms with the same seed are paired.
        kind: a name in `KINDS`, or ``module:function``.
        spec: arguments of the callable, in JSON's types. A finished cell with another spec is done again.
        size: amount of work relative to other cells (epochs, for example), used for estimates of time alone.
    """

    path: str
    arm: str
    seed: int
    kind: str
    spec: Mapping[str, Any]
    size: float = 1.0

    @property
    def request(self) -> dict[str, Any]:
        """What decides the result, as it comes back from JSON."""
        request = {"arm": self.arm, "seed": self.seed, "kind": self.kind, "spec": dict(self.spec)}
        return dict(json.loads(json.dumps(request)))


@dataclass(frozen=True)
class Result:
    """The result of a cell.

    Attributes:
        values: numbers and words by name, in JSON's types; ``val_accuracy`` is shown while the grid runs.
        arrays: arrays by name, numbers or bools.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


Work = Callable[[Cell, Path], Result]
"""Does a cell in its folder; called again with the same folder after a kill, it continues where it stopped."""

KINDS: dict[str, str] = {
    "classifier": "regard.experiments.tables.classifier:run_classifier",
    "study": "regard.experiments.study.cells:run_cell",
}
"""Name -> ``module:function`` of a `Work`, imported only in the worker."""


def cell_path(arm: str, seed: int) -> str:
    """The folder of an arm's cell: ``AIB-quantized/seed-0`` of the arm ``AIB, quantized`` with seed 0."""
    return f"{slug(arm)}/seed-{seed}"


def slug(words: str) -> str:
    """Words as a folder's name, or several names separated by ``/``."""
    parts = [re.sub(r"[^A-Za-z0-9_.=+-]+", "-", part).strip("-.") for part in words.split("/")]
    if not all(parts):
        raise RegardError(f"{words!r} cannot name a folder; use letters and digits")
    return "/".join(parts)


def work_of(kind: str) -> Work:
    """The callable of a kind.

    Raises:
        RegardError: it cannot be imported.
    """
    module, _, name = KINDS.get(kind, kind).partition(":")
    try:
        work: Work = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RegardError(
            f"cells of kind {kind!r}: {error}; give module:function, or one of {', '.join(KINDS)}"
        ) from None
    return work


def finished_record(cell: Cell, root: Path) -> dict[str, Any] | None:
    """cell.json, if the cell is finished and was made from the same request.

    Fields of a recipe that an earlier version did not have count as their default, as in the file of a run.
    """
    record = read_object(root / cell.path / RESULT_FILE)
    return record if record is not None and answers(record, cell) else None


def answers(record: Mapping[str, Any], cell: Cell) -> bool:
    """Whether a finished cell's record was made from the request of this cell."""
    return bool(_completed(record.get("asked")) == cell.request)


def _completed(request: Any) -> Any:
    """A recorded request with every field of its recipe; unchanged where there is none, or it is no longer valid."""
    recipe = request.get("spec", {}).get("recipe") if isinstance(request, dict) else None
    if not isinstance(recipe, dict):
        return request
    try:
        filled = json.loads(json.dumps(asdict(recipe_from(recipe))))
    except RegardError:
        return request
    return request | {"spec": request["spec"] | {"recipe": filled}}


def read_result(cell: Cell, root: Path) -> Result | None:
    """Numbers and arrays of a finished cell; None where it is not finished. Nothing stored is executed.

    Raises:
        RegardError: the arrays are missing or broken.
    """
    record = finished_record(cell, root)
    if record is None:
        return None
    file = root / cell.path / ARRAYS_FILE
    return Result(record.get("values", {}), read_arrays(file, f"remove {file.parent / RESULT_FILE} to measure again"))


def write_result(cell: Cell, folder: Path, result: Result, seconds: float) -> None:
    """Arrays first, then cell.json, which says that both are there."""
    write_arrays(folder / ARRAYS_FILE, result.arrays, parents=True)
    record = {"schema": _SCHEMA, "asked": cell.request, "seconds": round(seconds, 1), "host": socket.gethostname()}
    write_json(folder / RESULT_FILE, record | {"size": cell.size, "values": dict(result.values)})


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where the file is missing or not whole."""
    try:
        content = read_json_file(path, "")
    except RegardError:
        return None
    return content if isinstance(content, dict) else None
