"""The file of a table: one recipe, arms that differ from it in some fields, seeds, tuning, claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any

from regard.tables.classifier import check_measures
from regard.tables.columns import COLUMNS
from regard.training import Recipe, find_yaml, load_recipe, override, parse_recipe, read_yaml, recipe_parser
from regard.types import RegardError

FOLDER = Path("recipes/tables")


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
    return find_yaml("table", name, FOLDER)


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
