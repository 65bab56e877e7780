"""A table's numbers, from the cells that are finished: what page, terminal and files show, and nothing else.

Paired statistics of arms: means over seeds and images, differences, ratios of errors, and Holm's correction.

Seeds and images are both samples, and all seeds judge the same images. With two seeds or more `crossed_mean` joins both
sources of error, so that an arm whose images all agree has the t interval of its seeds. With one seed there are images
alone: the interval then says what other images would change, nothing of what another training would, and no test is
made of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from regard.experiments.grid.cell import DONE, Cell, Result, read_json, read_result
from regard.experiments.runner import made_of
from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.tables.columns import COLUMNS, Column
from regard.experiments.tables.file import TableFile, Trials

_Values = NDArray[np.float64]


def mean_of(values: _Values) -> Estimate:
    """Mean over seeds and images.

    Args:
        values: (R,I), NaN where undefined; an image that is undefined with any seed is left out.

    >>> round(mean_of(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).high, 4)  # 2 + t(2) / sqrt(3)
    4.4841
    """
    whole = np.isfinite(values).all(0)
    lost = {"undefined": int((~whole).sum())} if not whole.all() else {}
    values = values[:, whole].astype(float)
    if len(values) != 1:
        return crossed_mean(values, left_out=lost)
    images = values.shape[1]
    if images < 2:
        return Estimate(float(values.mean()) if images else math.nan, (), 1, 1, images, lost)
    parts = ((float(values.var(ddof=1)) / images, float(images - 1)),)
    return Estimate(float(values.mean()), parts, 1, 1, images, lost)


def mean_of_numbers(numbers: Sequence[float]) -> Estimate:
    """Mean over seeds of what is one number a run, with its t interval; none with one seed."""
    found = np.asarray(numbers, float)
    runs = len(found)
    parts = ((float(found.var(ddof=1)) / runs, runs - 1.0),) if runs > 1 else ()
    return Estimate(float(found.mean()) if runs else math.nan, parts, runs, runs)


def error_change(accuracy: _Values, reference: _Values) -> Estimate:
    """Errors as a change from the reference's, -.1 for one in ten less, paired by seed and image.

    The ratio of two means, with the variance of its linearisation (e - ratio e_ref) / mean(e_ref).

    Args:
        accuracy: (R,I).
        reference: (R,I), the same seeds and images.
    """
    whole = np.isfinite(accuracy).all(0) & np.isfinite(reference).all(0)
    errors, beside = 1 - accuracy[:, whole], 1 - reference[:, whole]
    if not errors.size or beside.mean() == 0:
        return Estimate(math.nan)
    ratio = errors.mean() / beside.mean()
    spread = mean_of((errors - ratio * beside) / beside.mean())
    return Estimate(float(ratio) - 1, spread.parts, spread.seeds, spread.runs, spread.images, spread.left_out)


def two_sided(estimate: Estimate) -> float | None:
    """P of "there is no difference"; None where a single seed, or an unknown error, forbids to ask."""
    if estimate.seeds < 2 or not estimate.parts:
        return None
    return min(1.0, 2 * min(estimate.p_above(0), estimate.p_below(0)))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's correction of those that were asked, in their order (Holm 1979)."""
    asked = [x for x in p if x is not None]
    if not asked:
        return list(p)
    corrected = iter(multipletests(asked, method="holm")[1].tolist())
    return [None if x is None else float(next(corrected)) for x in p]


_SCHEMA = 1
_LEVEL = 0.05
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
        "schema": _SCHEMA,
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
        verdict = "open" if p is None or p >= _LEVEL else "holds" if sign * estimate.value > 0 else "refuted"
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
