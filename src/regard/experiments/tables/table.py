"""A table's numbers from its finished cells: means over seeds and images, paired differences, tested claims.

Seeds and images are both samples, and all seeds judge the same images. With two seeds or more `crossed_mean` joins both
sources of error, so that an arm whose images all agree has the t interval of its seeds. With one seed there are images
alone: the interval then says what other images would change, not what another training would, and nothing is tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regard.experiments.grid import RESULT_FILE, Cell, Result, read_object, read_result
from regard.experiments.runner import provenance_of
from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.file import TableFile
from regard.experiments.tables.results import (
    ClaimRow,
    DifferenceResults,
    FailedCell,
    TableCell,
    TableResults,
    TableRow,
    TuningTrials,
)
from regard.metrics import corrected

_Values = NDArray[np.float64]
_Seeds = Mapping[int, Result]
"""Seed -> result of one arm."""
_LEVEL = 0.05
_TESTED = "accuracy_mean"


def table_of(
    table: TableFile,
    name: str,
    cells: Sequence[Cell],
    trials: Mapping[str, TuningTrials],
    root: Path,
    failed: Mapping[str, str] | None = None,
    *,
    swept: str | None = None,
) -> TableResults:
    """The whole table; an arm without a finished cell has a row that says so.

    Args:
        table: what is compared.
        name: of its folder.
        cells: all of the table's, finished or not.
        trials: arm -> what tuning found.
        root: the grid's folder.
        failed: path of a cell -> why.
        swept: the recipe's field whose values the arms are, of a sweep.
    """
    results: dict[str, dict[int, Result]] = {arm: {} for arm in table.arms}
    for cell in cells:
        result = read_result(cell, root)
        if result is not None:
            results[cell.arm][cell.seed] = result
    reference = results[table.reference]
    differences = {
        arm: _difference(seeds, reference, _TESTED)
        for arm, seeds in results.items()
        if seeds and arm != table.reference
    }
    raw = {arm: difference_p(estimate) for arm, estimate in differences.items()}
    holm = dict(zip(raw, corrected(list(raw.values())), strict=True))
    rows = [
        TableRow(
            arm=arm,
            changes=changes,
            seeds=tuple(sorted(results[arm])),
            missing=tuple(seed for seed in table.seeds if seed not in results[arm]),
            tuned=trials.get(arm),
            cells={key: _cell(key, results[arm], {} if arm == table.reference else reference) for key in table.columns},
            difference=DifferenceResults(**_numbers(differences[arm]), p=_nan(raw[arm]), p_holm=_nan(holm[arm]))
            if arm in differences
            else None,
        )
        for arm, changes in table.arms.items()
    ]
    records = [record for cell in cells if (record := read_object(root / cell.path / RESULT_FILE)) is not None]
    return TableResults(
        name=name,
        title=table.title,
        reference=table.reference,
        swept=swept,
        seeds=tuple(table.seeds),
        columns=tuple(COLUMNS[key] for key in table.columns),
        rows=tuple(rows),
        claims=_tested_claims(table, results),
        failed=tuple(FailedCell(path, why) for path, why in (failed or {}).items()),
        seconds=sum(record["seconds"] for record in records),
        made=provenance_of(cells, root),
    )


def mean_over_runs(values: _Values) -> Estimate:
    """Mean over seeds and images of what has one value per image.

    Args:
        values: (R,I), NaN where undefined; an image that is undefined with any seed is left out and counted.

    >>> round(mean_over_runs(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).high, 4)  # 2 + t(2) / sqrt(3)
    4.4841
    """
    defined = np.isfinite(values).all(0)
    left_out = {"undefined": int((~defined).sum())} if not defined.all() else {}
    values = values[:, defined].astype(float)
    if len(values) != 1:
        return crossed_mean(values, left_out=left_out)
    images = values.shape[1]
    mean = float(values.mean()) if images else math.nan
    parts = ((float(values.var(ddof=1)) / images, float(images - 1)),) if images > 1 else ()
    return Estimate(mean, parts, 1, 1, images, left_out)


def mean_over_seeds(numbers: Sequence[float]) -> Estimate:
    """Mean over seeds of what has one value per run, with its t interval; no interval with one seed."""
    values = np.asarray(numbers, float)
    runs = len(values)
    parts = ((float(values.var(ddof=1)) / runs, runs - 1.0),) if runs > 1 else ()
    return Estimate(float(values.mean()) if runs else math.nan, parts, runs, runs)


def error_change(accuracy: _Values, reference: _Values) -> Estimate:
    """Errors relative to the reference's, minus one (-.1: one error in ten less), paired by seed and image.

    The ratio of two means, with the variance of its linearisation (e - ratio e_ref) / mean(e_ref).

    Args:
        accuracy: (R,I).
        reference: (R,I), the same seeds and images.
    """
    defined = np.isfinite(accuracy).all(0) & np.isfinite(reference).all(0)
    errors, reference_errors = 1 - accuracy[:, defined], 1 - reference[:, defined]
    if not errors.size or reference_errors.mean() == 0:
        return Estimate(math.nan)
    ratio = errors.mean() / reference_errors.mean()
    linear = mean_over_runs((errors - ratio * reference_errors) / reference_errors.mean())
    return Estimate(float(ratio) - 1, linear.parts, linear.seeds, linear.runs, linear.images, linear.left_out)


def difference_p(estimate: Estimate) -> float | None:
    """Two-sided p value of "there is no difference"; None with a single seed or an unknown error: nothing is tested."""
    return None if estimate.seeds < 2 or not estimate.parts else estimate.p_two_sided()


def _difference(arm: _Seeds, reference: _Seeds, key: str, over: str | None = None) -> Estimate:
    """An arm minus the reference in a column per image, paired by seed and image; or minus its column `over`."""
    column, other = COLUMNS[key].stored_as, COLUMNS[over or key].stored_as
    pairs = [(arm[s].arrays.get(column), reference[s].arrays.get(other)) for s in sorted(arm) if s in reference]
    values = [a.astype(float) - b for a, b in pairs if a is not None and b is not None]
    return mean_over_runs(np.stack(values)) if values else Estimate(math.nan)


def _tested_claims(table: TableFile, results: Mapping[str, _Seeds]) -> tuple[ClaimRow, ...]:
    """Every claim with its difference and what that allows to say: holds, refuted, or open."""
    estimates = [
        _difference(results[c.better], results[c.than or c.better], c.by, c.over or None) for c in table.claims
    ]
    rows = []
    p_values = corrected([difference_p(estimate) for estimate in estimates])
    for claim, estimate, p in zip(table.claims, estimates, p_values, strict=True):
        sign = 1 if COLUMNS[claim.by].better == "higher" else -1
        verdict: Literal["holds", "refuted", "open"]
        verdict = "open" if p is None or p >= _LEVEL else "holds" if sign * estimate.value > 0 else "refuted"
        rows.append(ClaimRow(**asdict(claim), **_numbers(estimate), p_holm=_nan(p), verdict=verdict))
    return tuple(rows)


def _numbers(estimate: Estimate) -> dict[str, Any]:
    names = ("value", "low", "high", "seeds", "left_out")
    return {name: getattr(estimate, name) for name in names}


def _nan(p: float | None) -> float:
    return math.nan if p is None else p


def _cell(key: str, arm: _Seeds, reference: _Seeds) -> TableCell | None:
    """The number of one column; None where the column has no meaning for the arm."""
    column = COLUMNS[key]
    if column.per_image:
        seeds = [seed for seed in sorted(arm) if key != "relative_error" or seed in reference]
        values = _stacked(column.stored_as, [arm[seed] for seed in seeds])
        if values is None:
            return None
        if key != "relative_error":
            return TableCell(**_numbers(mean_over_runs(values)))
        others = _stacked(column.stored_as, [reference[seed] for seed in seeds])
        return None if others is None else TableCell(**_numbers(error_change(values, others)))
    numbers = [arm[seed].values[column.stored_as] for seed in sorted(arm) if column.stored_as in arm[seed].values]
    return TableCell(**_numbers(mean_over_seeds(numbers))) if numbers else None


def _stacked(key: str, results: Sequence[Result]) -> _Values | None:
    arrays = [result.arrays[key].astype(float) for result in results if key in result.arrays]
    return np.stack(arrays) if arrays else None
