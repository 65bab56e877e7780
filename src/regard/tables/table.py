"""A table's numbers, from the cells that are finished: what page, terminal and files show, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.grid import Cell, Result, read_result
from regard.grid.cell import DONE, read_json
from regard.study.estimate import Estimate
from regard.tables.classifier import RUN
from regard.tables.columns import COLUMNS, Column
from regard.tables.compare import error_change, holm, mean_of, mean_of_numbers, two_sided
from regard.tables.file import TableFile
from regard.tables.plan import Trials

SCHEMA = 1
LEVEL = 0.05
MAIN = "accuracy_mean"
Results = dict[str, dict[int, Result]]
"""Arm -> seed -> result."""


def results_of(cells: Sequence[Cell], root: Path) -> Results:
    """All finished cells."""
    found: Results = {}
    for cell in cells:
        result = read_result(cell, root)
        if result is not None:
            found.setdefault(cell.arm, {})[cell.seed] = result
    return found


def table_of(
    table: TableFile,
    name: str,
    cells: Sequence[Cell],
    trials: Mapping[str, Trials],
    root: Path,
    failed: Mapping[str, str] | None = None,
    *,
    swept: str | None = None,
) -> dict[str, Any]:
    """The whole table as JSON has it; an arm without a finished cell has a row that says so.

    Args:
        table: what is compared.
        name: of its folder.
        cells: all of the table's, finished or not.
        trials: what tuning found.
        root: the grid's folder.
        failed: path of a cell -> why.
        swept: the recipe's field whose values the arms are, where they are.
    """
    results = results_of(cells, root)
    reference = results.get(table.reference, {})
    differences = {arm: difference(found, reference, MAIN) for arm, found in results.items() if arm != table.reference}
    p = dict(zip(differences, holm([two_sided(d) for d in differences.values()]), strict=True))
    rows = []
    for arm, changes in table.arms.items():
        found = results.get(arm, {})
        row: dict[str, Any] = {"arm": arm, "changes": changes, "seeds": sorted(found)}
        row["missing"] = [seed for seed in table.seeds if seed not in found]
        tried = trials.get(arm)
        row["tuned"] = None if tried is None else asdict(tried)
        beside = {} if arm == table.reference else reference
        row["cells"] = {key: _cell(key, found, beside) for key in table.columns}
        against = differences.get(arm)
        row["difference"] = None if against is None else plain(against) | {"p": two_sided(against), "p_holm": p[arm]}
        rows.append(row)
    seconds = [held["seconds"] for cell in cells if (held := read_json(root / cell.path / DONE)) is not None]
    return {
        "schema": SCHEMA,
        "name": name,
        "title": table.title,
        "reference": table.reference,
        "swept": swept,
        "seeds": table.seeds,
        "columns": [{"key": key} | _described(COLUMNS[key]) for key in table.columns],
        "rows": rows,
        "claims": claims_of(table, results),
        "failed": [{"cell": path, "why": why} for path, why in (failed or {}).items()],
        "seconds": sum(seconds),
        "made": made_of(cells, root),
    }


def made_of(cells: Sequence[Cell], root: Path) -> list[dict[str, Any]]:
    """With which commit, versions and hardware how many cells were trained; more than one where a table grew."""
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        held = read_json(root / cell.path / RUN / "environment.json")
        if held is None or read_json(root / cell.path / DONE) is None:
            continue
        how = {key: held[key] for key in ("commit", "versions", "hardware")}
        found.setdefault(json.dumps(how, sort_keys=True), how | {"cells": 0})["cells"] += 1
    return list(found.values())


def difference(
    found: Mapping[int, Result], reference: Mapping[int, Result], key: str, over: str | None = None
) -> Estimate:
    """Arm minus reference in a column with one value an image, paired by seed and image; or minus its column `over`."""
    seeds = [seed for seed in sorted(found) if seed in reference]
    column, beside = COLUMNS[key].key, COLUMNS[over or key].key
    pairs = [(found[s].arrays.get(column), reference[s].arrays.get(beside)) for s in seeds]
    values = [a.astype(float) - b for a, b in pairs if a is not None and b is not None]
    return mean_of(np.stack(values)) if values else Estimate(math.nan)


def claims_of(table: TableFile, results: Results) -> list[dict[str, Any]]:
    """Every claim with its difference and what that allows to say: holds, refuted, or open."""
    found = [
        difference(results.get(c.better, {}), results.get(c.than or c.better, {}), c.by, c.over or None)
        for c in table.claims
    ]
    corrected = holm([two_sided(estimate) for estimate in found])
    rows = []
    for claim, estimate, p in zip(table.claims, found, corrected, strict=True):
        sign = 1 if COLUMNS[claim.by].better == "higher" else -1
        verdict = "open" if p is None or p >= LEVEL else "holds" if sign * estimate.value > 0 else "refuted"
        rows.append(asdict(claim) | plain(estimate) | {"p_holm": p, "verdict": verdict})
    return rows


def plain(estimate: Estimate) -> dict[str, Any]:
    """Value, interval and the number of seeds, null where undefined."""
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {k: v if math.isfinite(v) else None for k, v in numbers.items()} | {
        "seeds": estimate.seeds,
        "left_out": dict(estimate.left_out),
    }


def _cell(key: str, found: Mapping[int, Result], reference: Mapping[int, Result]) -> dict[str, Any] | None:
    """What stands in the table; None where the column has no meaning for the arm."""
    column = COLUMNS[key]
    if key == "relative_error":
        return _relative(column.key, found, reference)
    if not column.an_image:
        numbers = [found[s].values[column.key] for s in sorted(found) if column.key in found[s].values]
        return plain(mean_of_numbers(numbers)) if numbers else None
    arrays = _arrays(column.key, found)
    return None if arrays is None else plain(mean_of(arrays))


def _arrays(key: str, found: Mapping[int, Result]) -> NDArray[np.float64] | None:
    arrays = [found[s].arrays[key].astype(float) for s in sorted(found) if key in found[s].arrays]
    return np.stack(arrays) if arrays else None


def _relative(key: str, found: Mapping[int, Result], reference: Mapping[int, Result]) -> dict[str, Any] | None:
    seeds = [s for s in found if s in reference]
    own = _arrays(key, {s: found[s] for s in seeds})
    beside = _arrays(key, {s: reference[s] for s in seeds})
    return None if own is None or beside is None else plain(error_change(own, beside))


def _described(column: Column) -> dict[str, Any]:
    shown = {"label": column.label, "meaning": column.meaning, "unit": column.unit}
    return shown | {"better": column.better, "percent": column.percent}
