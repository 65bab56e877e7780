"""The data of a grid: all its cells are trained and tested on the splits that there were when the first one began.

``data.json`` in the grid's folder holds a record (`regard.data.DataRecord`) of every set that its cells use. A cell
that is trained later, perhaps after images were added, has the same splits; missing or changed images are an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from regard.data import DataRecord
from regard.experiments.grid import RESULT_FILE, Cell
from regard.report import read_dataclass, write_dataclass
from regard.training import DATA_FILE, Recipe, RunRecord, beside_key, build_data, recipe_from, record_run

_REMEDY = "restore it, or remove the grid's folder to start again"


@dataclass(frozen=True)
class HeldData:
    """``data.json`` of a grid: records of its sets, by name, folder, options and, for others' gaze, the task's set."""

    schema: Literal[1]
    sets: Mapping[str, DataRecord] = field(default_factory=dict)


def hold_data(cells: Sequence[Cell], root: Path) -> list[str]:
    """Opens the data of every cell once, and records them, or checks that they are those recorded.

    Until a cell has begun, nothing is held: what was recorded by a grid that failed at once is made again.

    Returns:
        Remarks on data that changed.

    Raises:
        RegardError: data that are missing, or no longer those that finished cells were trained on.
    """
    begun = any(root.glob(f"**/{RESULT_FILE}")) or any(root.glob("**/last.ckpt"))
    held = dict(_read(root).sets) if begun else {}
    remarks: dict[str, None] = {}
    for cell in {_key_of_cell(cell): cell for cell in cells}.values():
        recipe, before = _recipe(cell), held_record(cell, root) if begun else None
        data = build_data(recipe, before)
        remarks |= dict.fromkeys(data.remarks if before is not None else ())
        record = record_run(recipe, data, *_sets(cell))
        own = _own_key(recipe)
        held.setdefault(own, record.data)
        for key, other in record.beside.items():
            held.setdefault(f"{key} with {own}", other)
    if not begun or held != dict(_read(root).sets):
        write_dataclass(root / DATA_FILE, HeldData(1, held), indent=None)
    return list(remarks)


def held_record(cell: Cell, root: Path) -> RunRecord | None:
    """What a cell must be trained on; None where nothing is recorded."""
    held, recipe = _read(root).sets, _recipe(cell)
    own = _own_key(recipe)
    if own not in held:
        return None
    ending = f" with {own}"
    beside = {key.removesuffix(ending): record for key, record in held.items() if key.endswith(ending)}
    return RunRecord(1, held[own], beside)


def grid_of(cell: Cell, folder: Path) -> Path:
    """The grid's folder, from that of one of its cells."""
    return folder.parents[len(Path(cell.path).parts) - 1]


def _read(root: Path) -> HeldData:
    path = root / DATA_FILE
    return read_dataclass(path, HeldData, _REMEDY) if path.exists() else HeldData(1)


def _recipe(cell: Cell) -> Recipe:
    return recipe_from(cell.spec["recipe"])


def _sets(cell: Cell) -> list[Mapping[str, Any]]:
    return [cell.spec["gaze"]] if cell.spec.get("gaze") else []


def _own_key(recipe: Recipe) -> str:
    shuffled = f" shuffled by {recipe.train.seed}" if recipe.data.shuffle_labels else ""
    return beside_key(recipe.data.name, recipe.data.root, recipe.data.options) + shuffled


def _key_of_cell(cell: Cell) -> str:
    recipe = _recipe(cell)
    return repr((_own_key(recipe), recipe.align.gaze, recipe.align.options, recipe.impose.gaze, _sets(cell)))
