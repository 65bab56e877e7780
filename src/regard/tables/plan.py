"""From a table's file to cells: trials first, where it tunes, then every arm with every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any

from regard.grid import Cell, cell_path, read_result
from regard.grid.cell import slug
from regard.tables.file import TableFile
from regard.training import Recipe, override


@dataclass(frozen=True)
class Trials:
    """What tuning found for one arm.

    Attributes:
        field: what was tried.
        accuracy: validation accuracy of each value, in the order of the file; None where the trial failed.
        chosen: the value that is kept; None where every trial failed.
    """

    field: str
    accuracy: list[tuple[Any, float | None]] = default(default_factory=list)
    chosen: Any = None


def classifier_cell(
    path: str, arm: str, recipe: Recipe, *, name: str, measures: Sequence[str], other: str | None = None
) -> Cell:
    """A classifier's cell; its size is its number of epochs."""
    own = override(recipe, {"name": f"{name}/{path}", "twin": False})
    spec = {"recipe": asdict(own), "measures": list(measures), "other": other}
    return Cell(path, arm, own.train.seed, "classifier", spec, size=own.train.epochs)


def trials_of(table: TableFile, base: Recipe, name: str, only: Sequence[str] = ()) -> list[Cell]:
    """One cell an arm and value; none without tuning."""
    tuning = table.tuning
    if tuning is None:
        return []
    cells = []
    for arm, changes in _arms(table, only).items():
        for value in tuning.values:
            recipe = override(base, {**changes, **tuning.set, tuning.field: value, "train.seed": tuning.seed})
            path = f"{slug(arm)}/tuning/{slug(f'{tuning.field}={value}')}"
            cells.append(classifier_cell(path, arm, recipe, name=name, measures=()))
    return cells


def choose(table: TableFile, cells: Sequence[Cell], root: Path) -> dict[str, Trials]:
    """Arm -> what its trials found; of equal accuracies the first value is kept."""
    found: dict[str, Trials] = {}
    tuning = table.tuning
    if tuning is None:
        return found
    for arm in dict.fromkeys(cell.arm for cell in cells):
        results = [read_result(cell, root) for cell in cells if cell.arm == arm]
        accuracy = [None if result is None else float(result.values["val_accuracy"]) for result in results]
        tried = list(zip(tuning.values, accuracy, strict=True))
        known = [(value, a) for value, a in tried if a is not None]
        chosen = max(known, key=lambda pair: pair[1])[0] if len(known) == len(tried) else None
        found[arm] = Trials(tuning.field, tried, chosen)
    return found


def cells_of(
    table: TableFile, base: Recipe, name: str, trials: Mapping[str, Trials], only: Sequence[str] = ()
) -> list[Cell]:
    """Every arm with every seed, seed by seed, so that a grid that is cut short holds whole pairs.

    An arm that was to be tuned and could not be has no cells: with less tuning than others it would be no match.
    """
    cells = []
    for seed in table.seeds:
        for arm, changes in _arms(table, only).items():
            tried = trials.get(arm)
            if table.tuning is not None and (tried is None or tried.chosen is None):
                continue
            tuned = {} if tried is None else {tried.field: tried.chosen}
            recipe = override(base, {**changes, **tuned, "train.seed": seed})
            path = cell_path(arm, seed)
            cell = classifier_cell(path, arm, recipe, name=name, measures=table.measures, other=table.unknown)
            cells.append(cell)
    return cells


def _arms(table: TableFile, only: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {arm: changes for arm, changes in table.arms.items() if not only or arm in only}
