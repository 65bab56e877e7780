"""From finished cells to one table of trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from regard.evaluation.trials import DOSE
from regard.grid import Cell, Result, read_result
from regard.grid.cell import FAILED, done, read_json
from regard.study.running.cell import GALLERY, LOOKED
from regard.study.running.cells import ENSEMBLE
from regard.study.trials import Trials


def trials_of(cells: Sequence[Cell], root: Path) -> Trials | None:
    """Rows of all finished cells, with each image's difficulty; None where no condition has a finished cell.

    Images of a task and those of another set that people looked at are rows of their own: the first have a
    performance, the second a similarity.

    Args:
        cells: of `cells_of`.
        root: of the grid.
    """
    found = [(cell, result) for cell in cells if (result := read_result(cell, root)) is not None]
    parts = [rows_of(cell, result) for cell, result in found if cell.spec["condition"] != ENSEMBLE]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    hard = difficulty([pair for pair in found if pair[0].spec["condition"] == ENSEMBLE])
    if hard is not None:
        frame = frame.merge(hard, on=["task", "image"], how="left")
    return Trials(frame)


def rows_of(cell: Cell, result: Result) -> pd.DataFrame:
    """The trials of one network: its own, one an image; those of another set's images; those under doses."""
    spec = cell.spec
    key: dict[str, Any] = {name: spec[name] for name in ("task", "backbone", "condition", "layer")}
    key |= {"seed": cell.seed, "alpha": np.nan}
    own = {name: values for name, values in result.arrays.items() if "/" not in name and name != GALLERY}
    parts = [pd.DataFrame(key | {"image": result.values["images"]} | own)]
    looked = {name.removeprefix(LOOKED): values for name, values in result.arrays.items() if name.startswith(LOOKED)}
    if looked:
        parts.append(pd.DataFrame(key | {"image": result.values["looked"], "performance": np.nan} | looked))
    for name, values in result.arrays.items():
        if name.startswith(DOSE):
            _, kind, alpha = name.split("/")
            dosed = key | {"condition": f"dose-{kind}", "alpha": float(alpha)}
            parts.append(pd.DataFrame(dosed | {"image": result.values["images"], "performance": values}))
    return pd.concat([part.astype({"alpha": float}) for part in parts], ignore_index=True)


def difficulty(ensemble: Sequence[tuple[Cell, Result]]) -> pd.DataFrame | None:
    """One minus the mean performance of a task's ensemble on each image; None without an ensemble."""
    parts = [
        pd.DataFrame({"task": c.spec["task"], "image": r.values["images"], "difficulty": 1 - r.arrays["performance"]})
        for c, r in ensemble
    ]
    if not parts:
        return None
    means: pd.DataFrame = pd.concat(parts).groupby(["task", "image"], as_index=False)["difficulty"].mean()
    return means


def failures(cells: Sequence[Cell], root: Path) -> dict[str, str]:
    """Path of each cell that failed and is not finished since -> why."""
    found = {}
    for cell in cells:
        said = read_json(root / cell.path / FAILED)
        if said is not None and read_result(cell, root) is None:
            found[cell.path] = "\n".join(said.get("lines", []))
    return found


def floors_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, float]]:
    """Of each task, mean performance that needs no network, by name."""
    return {task: values["floors"] for task, values in _first(cells, root).items() if values["floors"]}


def remarks_of(cells: Sequence[Cell], root: Path) -> dict[str, list[str]]:
    """Of each task, sentences without which a number of it is misread."""
    return {task: values["remarks"] for task, values in _first(cells, root).items()}


def _first(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, Any]]:
    """Of each task, values of its first finished cell."""
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        task = cell.spec["task"]
        if task not in found and (held := done(cell, root)) is not None:
            found[task] = held["values"]
    return found


def scores_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """``task, backbone`` -> condition -> mean over images and finished seeds of every score of the task.

    Of tasks with more scores than the one that trials hold, at their own place of the map.
    """
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for cell in cells:
        spec = cell.spec
        result = None if spec["condition"] == ENSEMBLE or spec["layer"] else read_result(cell, root)
        if result is not None and len(result.values["scores"]) > 1:
            place = found.setdefault(f"{spec['task']}, {spec['backbone']}", {})
            place.setdefault(spec["condition"], []).append(result.values["scores"])
    return {
        place: {
            condition: {name: fmean(seed[name] for seed in seeds) for name in seeds[0]}
            for condition, seeds in conditions.items()
        }
        for place, conditions in found.items()
    }
