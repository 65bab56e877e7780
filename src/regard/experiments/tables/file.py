"""The file of a table: one recipe, arms that differ from it in some fields, seeds, tuning, claims.

From a table's file to cells: trials first, where it tunes, then every arm with every seed.

A sweep is a table whose arms are the values of one field of a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any

from regard.experiments.grid.cell import Cell, cell_path, read_result, slug
from regard.experiments.tables.classifier import check_measures
from regard.experiments.tables.columns import COLUMNS
from regard.training import Recipe, find_yaml, load_recipe, override, parse_recipe, read_yaml, recipe_parser
from regard.types import RegardError

_FOLDER = Path("recipes/tables")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Trials on validation images before the seeds run: the same for every arm, so that no arm is better tuned."""

    field: str = "optim.lr"
    """What is tried."""
    values: list[Any]
    """The values; the one with the highest validation accuracy of the last epoch is kept."""
    seed: int = 1000
    """Of the trials; none of the table's seeds."""
    set: dict[str, Any] = default(default_factory=dict)
    """Further fields of the trials, such as fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the form *this arm is better than that one*, or *than its floor*, put to the test."""

    better: str
    """An arm."""
    than: str = ""
    """Another one; or leave it to `over`."""
    by: str = "accuracy_mean"
    """A column with one value an image."""
    over: str = ""
    """A column that `by` is held against in the same arm, such as what a uniform map scores."""


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """What a table compares."""

    title: str
    """One line above it."""
    base: str
    """A recipe's file, beside this one."""
    arms: dict[str, dict[str, Any]]
    """Name -> fields that differ from the base, in the order of the rows."""
    reference: str
    """The arm that others are held against."""
    set: dict[str, Any] = default(default_factory=dict)
    """Fields of all arms that differ from the base."""
    seeds: list[int] = default(default_factory=lambda: [0, 1, 2])
    """Each arm runs with each; arms are paired by seed."""
    measures: list[str] = default(
        default_factory=lambda: ["prediction", "samples", "information", "localization", "faithfulness"]
    )
    """What is measured on test images."""
    unknown: str | None = None
    """The folder of images, or data set, that the measure `unknown` holds against the test images."""
    columns: list[str] = default(default_factory=lambda: ["accuracy_mean", "relative_error", "parameters"])
    """What the table shows."""
    tuning: Tuning | None = None
    """Trials before the seeds; none by default."""
    claims: list[Claim] = default(default_factory=list)
    """Put to the test with all arms, corrected for their number (Holm)."""


def find_table(name: str) -> Path:
    """A table's file: a path, or a name in recipes/tables.

    Raises:
        RegardError: there is none; those that are there are listed.
    """
    return find_yaml("table", name, _FOLDER)


def read_table(path: Path, fields: Sequence[str] = ()) -> tuple[TableFile, Recipe]:
    """The table in a file, and its base recipe with ``--part.field value ...`` over it.

    Raises:
        RegardError: an unknown field, an arm that is not there, two trials alike; named with the file.
    """
    table = read_yaml(TableFile, path, help="docs/tables.md lists every field")
    try:
        check_table(table)
        base = changed(override(load_recipe(path.parent / table.base), table.set), fields)
        for changes in table.arms.values():
            override(base, changes)
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None
    return table, base


def changed(recipe: Recipe, fields: Sequence[str]) -> Recipe:
    """A recipe with ``--part.field value ...`` over it."""
    parser = recipe_parser()
    held = asdict(recipe)
    flat = {f"{part}.{name}": v for part, inner in held.items() if isinstance(inner, dict) for name, v in inner.items()}
    parser.set_defaults(flat | {name: v for name, v in held.items() if not isinstance(v, dict)})
    return parse_recipe(fields, parser)


def check_table(table: TableFile) -> None:
    """Raises RegardError where a table names what is not there or compares what cannot be."""
    for claim in table.claims:
        if bool(claim.than) == bool(claim.over):
            raise RegardError(f"a claim that {claim.better!r} is better needs one of than (an arm) and over (a column)")
    named = [table.reference, *(arm for claim in table.claims for arm in (claim.better, claim.than) if arm)]
    for name in named:
        if name not in table.arms:
            raise RegardError(f"arm {name!r} is not in the table; its arms are {', '.join(table.arms)}")
    for key in (*table.columns, *(key for claim in table.claims for key in (claim.by, claim.over) if key)):
        if key not in COLUMNS:
            raise RegardError(f"column {key!r} is not known; there are {', '.join(COLUMNS)}")
    for claim in table.claims:
        if COLUMNS[claim.by].better is None or not COLUMNS[claim.by].an_image:
            raise RegardError(f"claims are made by what has one value an image and a better end, not by {claim.by!r}")
        if claim.over and not COLUMNS[claim.over].an_image:
            raise RegardError(f"claims are made over what has one value an image, not over {claim.over!r}")
    check_measures(table.measures)
    if ("unknown" in table.measures) != (table.unknown is not None):
        raise RegardError("the measure 'unknown' and the data set of that name belong together; give both or neither")
    if not table.seeds or len(set(table.seeds)) < len(table.seeds):
        raise RegardError(f"seeds {table.seeds} must be different ones, at least one")
    tuning = table.tuning
    if tuning is not None:
        if len(tuning.values) < 2 or len({str(v) for v in tuning.values}) < len(tuning.values):
            raise RegardError(f"tuning.values {tuning.values} must be at least two different ones")
        if tuning.seed in table.seeds:
            raise RegardError(f"tuning.seed {tuning.seed} is one of the table's seeds; give another")


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


BUDGET, BETA = "objective.budget_bits", "objective.beta"
SWEEP_MEASURES = ["prediction", "samples", "information", "localization", "faithfulness"]
SWEEP_COLUMNS = [
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
    measures, columns = list(SWEEP_MEASURES), list(SWEEP_COLUMNS)
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
