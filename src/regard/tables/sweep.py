"""A sweep is a table whose arms are the values of one field of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regard.tables.file import TableFile, check_table
from regard.training import Recipe, override
from regard.types import RegardError

BUDGET, BETA = "objective.budget_bits", "objective.beta"
MEASURES = ["prediction", "samples", "information", "localization", "faithfulness"]
COLUMNS = [
    "latent_bits",
    "label_bits",
    "accuracy_mean",
    "accuracy_one_sample",
    "accuracy_4_samples",
    "accuracy_12_samples",
    "gate_bits",
    "code_bits",
    "map_bits",
    "energy_inside",
    "area_share",
    "deletion_gap",
    "deletion_gap_random",
    "calibration_error",
    "calibration_floor",
    "label_entropy_bits",
]


def sweep_of(
    recipe: Recipe, field: str, values: Sequence[Any], seeds: Sequence[int], *, unknown: str | None = None
) -> TableFile:
    """The table of a sweep; the first value is the reference.

    A sweep over beta takes the budget off the latent, which would find a beta of its own.

    Args:
        recipe: what all arms share.
        field: of the recipe, ``part.name``.
        values: at least one; different ones.
        seeds: of every value.
        unknown: a folder or data set whose images the latent rate shall tell from the test images.

    Raises:
        RegardError: no such field, or a value that does not fit.
    """
    if not values or len({repr(value) for value in values}) < len(values):
        raise RegardError(f"values {list(values)} must be different ones, at least one")
    free: dict[str, Any] = {"objective.budget_bits": None} if field == BETA else {}
    arms = {f"{field.rpartition('.')[2]}={_shown(value)}": {field: value} | free for value in values}
    for changes in arms.values():
        override(recipe, changes)
    measures, columns = list(MEASURES), list(COLUMNS)
    if unknown is not None:
        measures.append("unknown")
        columns.append("unknown_auroc")
    table = TableFile(
        title=f"{recipe.name}: {field} from {_shown(values[0])} to {_shown(values[-1])}",
        base="",
        arms=arms,
        reference=next(iter(arms)),
        seeds=list(seeds),
        measures=measures,
        columns=columns,
        unknown=unknown,
    )
    check_table(table)
    return table


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
