"""A table's numbers from its finished cells: means over seeds and images, with intervals.

Seeds and images are both samples, and all seeds judge the same images. With two seeds or more `crossed_mean` joins both
sources of error, so that an arm whose images all agree has the t interval of its seeds. With one seed there are images
alone: the interval then says what other images would change, not what another training would, and nothing is tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regard.experiments.grid import RESULT_FILE, Cell, Result, read_object, read_result
from regard.experiments.runner import provenance_of
from regard.experiments.stats import Estimate
from regard.experiments.tables.claims import ArmResults, arm_differences, judge_claims, mean_over_runs, numbers_of
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.file import TableFile
from regard.experiments.tables.results import FailedCell, TableCell, TableResults, TableRow, TuningTrials

_Values = NDArray[np.float64]


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
    results = arm_results(table, cells, root)
    reference = results[table.reference]
    differences = arm_differences(results, table.reference)
    rows = [
        TableRow(
            arm=arm,
            changes=changes,
            seeds=tuple(sorted(results[arm])),
            missing=tuple(seed for seed in table.seeds if seed not in results[arm]),
            tuned=trials.get(arm),
            cells={key: _cell(key, results[arm], {} if arm == table.reference else reference) for key in table.columns},
            difference=differences.get(arm),
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
        claims=judge_claims(table, results),
        failed=tuple(FailedCell(path, why) for path, why in (failed or {}).items()),
        seconds=sum(record["seconds"] for record in records),
        made=provenance_of(cells, root),
    )


def arm_results(table: TableFile, cells: Sequence[Cell], root: Path) -> dict[str, dict[int, Result]]:
    """Arm -> seed -> result of its finished cells."""
    results: dict[str, dict[int, Result]] = {arm: {} for arm in table.arms}
    for cell in cells:
        result = read_result(cell, root)
        if result is not None:
            results[cell.arm][cell.seed] = result
    return results


def mean_over_seeds(numbers: Sequence[float], *, share: bool = False) -> Estimate:
    """Mean over seeds of what has one value per run, with its t interval; no interval with one seed.

    Args:
        numbers: one per seed.
        share: they are in [0, 1], and so is the interval.
    """
    values = np.asarray(numbers, float)
    runs = len(values)
    parts = ((float(values.var(ddof=1)) / runs, runs - 1.0),) if runs > 1 else ()
    return Estimate(float(values.mean()) if runs else math.nan, parts, runs, runs, share=share)


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


def _cell(key: str, arm: ArmResults, reference: ArmResults) -> TableCell | None:
    """The number of one column; None where the column has no meaning for the arm."""
    column = COLUMNS[key]
    if column.per_image:
        seeds = [seed for seed in sorted(arm) if key != "relative_error" or seed in reference]
        values = _stacked(column.stored_as, [arm[seed] for seed in seeds])
        if values is None:
            return None
        if key != "relative_error":
            return TableCell(**numbers_of(mean_over_runs(values, share=column.share)))
        others = _stacked(column.stored_as, [reference[seed] for seed in seeds])
        return None if others is None else TableCell(**numbers_of(error_change(values, others)))
    numbers = [arm[seed].values[column.stored_as] for seed in sorted(arm) if column.stored_as in arm[seed].values]
    return TableCell(**numbers_of(mean_over_seeds(numbers, share=column.share))) if numbers else None


def _stacked(key: str, results: Sequence[Result]) -> _Values | None:
    arrays = [result.arrays[key].astype(float) for result in results if key in result.arrays]
    return np.stack(arrays) if arrays else None
