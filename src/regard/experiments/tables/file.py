"""The file of a table: one recipe, arms that differ from it in some fields, seeds, tuning, claims; and its cells.

Trials run first, where the table tunes, then every arm with every seed. A sweep is a table whose arms are the values of
one field of a recipe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any, Literal

from regard.experiments.grid import Cell, cell_path, read_result, slug
from regard.experiments.tables.classifier import check_measures
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.results import Claim, TuningTrials
from regard.experiments.tables.search import next_value, search_range, write_search
from regard.training import Recipe, check_choices, load_recipe, override, parse_recipe, read_yaml, recipe_parser
from regard.types import RegardError

BUDGET, BETA = "objective.budget_bits", "objective.beta"
_MEASURES = ("prediction", "samples", "information", "localization", "faithfulness")


MOST_PRIMARY = 3


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Trials on validation images before the seeds run: the same values for every arm, so that none is better tuned.

    An arm whose best number is the lowest or highest of its values tries one more beyond it, further by the same
    factor, until its best lies inside.
    """

    field: str = "optim.lr"
    """The recipe's field that is tried."""
    values: list[Any]
    """The values; the one with the highest validation accuracy of the last epoch is kept."""
    seed: int = 1000
    """Seed of the trials; none of the table's."""
    set: dict[str, Any] = default(default_factory=dict)
    """Further fields of the trials, such as fewer epochs, or more images for validation."""
    extend: int = 3
    """The most values that an arm tries beyond these; 0 for none."""
    trials: int = 0
    """Trials of every arm: its values, and further ones that Optuna proposes, as many steps beyond them as `extend`
    allows; 0: the values, and what `extend` asks for."""


@dataclass(frozen=True, kw_only=True)
class PowerPlan:
    """What the number of seeds is chosen for; `regard table NAME --dry-run` compares it with the seeds of the file."""

    effect: float = 0.03
    """The smallest difference of a share (.03: three points of accuracy) that the primary claims shall find."""
    seed_sd: float = 0.02
    """Standard deviation of such a difference over seeds, until finished cells say what it is."""
    image_se: float = 0.005
    """Its standard error that is left with any number of seeds, as all judge the same images; likewise."""


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
    """The arm that others are compared with."""
    set: dict[str, Any] = default(default_factory=dict)
    """Fields of all arms that differ from the base."""
    seeds: list[int] = default(default_factory=lambda: [0, 1, 2])
    """Each arm runs with each; arms are paired by seed."""
    measures: list[str] = default(default_factory=lambda: list(_MEASURES))
    """What is measured on test images."""
    unknown: str | None = None
    """The folder of images, or data set, that the measure `unknown` compares with the test images."""
    columns: list[str] = default(default_factory=lambda: ["accuracy_mean", "relative_error", "parameters"])
    """What the table shows."""
    tuning: Tuning | None = None
    """Trials before the seeds; none by default."""
    claims: list[Claim] = default(default_factory=list)
    """Tested: up to three primary ones, corrected for their number (Holm), and exploratory ones."""
    equal_within: float = 0.01
    """The largest difference that counts as none, where a claim does not say its own."""
    power: PowerPlan = PowerPlan()
    """What the number of seeds is chosen for."""

    @property
    def primary_claims(self) -> list[Claim]:
        """Those named `primary`; where none is, all if they are no more than a table may name, else none."""
        named = [claim for claim in self.claims if claim.primary]
        return named if named or len(self.claims) > MOST_PRIMARY else self.claims


def read_table(path: Path, fields: Sequence[str] = ()) -> tuple[TableFile, Recipe]:
    """The table in a file, and its base recipe with ``--part.field value ...`` over it.

    Raises:
        RegardError: an unknown field or loss, an arm that is not in the table, equal trials; named with the file.
    """
    table = read_yaml(TableFile, path, help="docs/tables.md lists every field")
    try:
        check_table(table)
        base = _changed(override(load_recipe(path.parent / table.base), table.set), fields)
        for changes in table.arms.values():
            check_choices(override(base, changes))
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None
    return table, base


def _changed(recipe: Recipe, fields: Sequence[str]) -> Recipe:
    """A recipe with ``--part.field value ...`` over it."""
    parser = recipe_parser()
    own = asdict(recipe)
    flat = {f"{part}.{name}": v for part, inner in own.items() if isinstance(inner, dict) for name, v in inner.items()}
    parser.set_defaults(flat | {name: v for name, v in own.items() if not isinstance(v, dict)})
    return parse_recipe(fields, parser)


def check_table(table: TableFile) -> None:
    """Raises RegardError where a table names an unknown arm, column or measure, or compares what has no pairs."""
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
        if COLUMNS[claim.by].better is None or not COLUMNS[claim.by].per_image:
            raise RegardError(
                f"a claim needs a column with one value per image and a better direction, not {claim.by!r}"
            )
        if claim.over and not COLUMNS[claim.over].per_image:
            raise RegardError(f"a claim over a column needs one value per image, not {claim.over!r}")
    _check_statistics(table)
    check_measures(table.measures)
    if ("unknown" in table.measures) != (table.unknown is not None):
        raise RegardError(
            "the measure 'unknown' and the field 'unknown' (a data set) belong together; give both or neither"
        )
    if not table.seeds or len(set(table.seeds)) < len(table.seeds):
        raise RegardError(f"seeds {table.seeds}: give at least one, all different")
    tuning = table.tuning
    if tuning is not None:
        if len(tuning.values) < 2 or len({str(v) for v in tuning.values}) < len(tuning.values):
            raise RegardError(f"tuning.values {tuning.values}: give at least two, all different")
        if tuning.seed in table.seeds:
            raise RegardError(f"tuning.seed {tuning.seed} is one of the table's seeds; give another")
        if tuning.extend < 0:
            raise RegardError(f"tuning.extend {tuning.extend}: give the most further values of an arm, 0 for none")
        if tuning.trials and tuning.trials < len(tuning.values):
            raise RegardError(f"tuning.trials {tuning.trials}: there are {len(tuning.values)} values; give more, or 0")
        if tuning.trials:
            search_range(tuning.values, tuning.extend)


def _check_statistics(table: TableFile) -> None:
    primary = [claim for claim in table.claims if claim.primary]
    if len(primary) > MOST_PRIMARY:
        raise RegardError(
            f"{len(primary)} claims are primary: name two or three, which are corrected for their number; the others "
            "are exploratory"
        )
    if len({repr(claim) for claim in table.claims}) < len(table.claims):
        raise RegardError("two claims are the same; give each once")
    for name, value in [
        ("equal_within", table.equal_within),
        *((f"within of the claim on {c.better!r}", c.within) for c in table.claims if c.within is not None),
        ("power.effect", table.power.effect),
        ("power.seed_sd", table.power.seed_sd),
    ]:
        if not 0 < value < math.inf:
            raise RegardError(f"{name} {value}: give a number above 0")
    if not 0 <= table.power.image_se < math.inf:
        raise RegardError(f"power.image_se {table.power.image_se}: give a number that is not below 0")


def _classifier_cell(
    path: str, arm: str, recipe: Recipe, *, name: str, measures: Sequence[str], other: str | None = None
) -> Cell:
    """A classifier's cell; its size is its number of epochs."""
    own = override(recipe, {"name": f"{name}/{path}", "twin": False})
    spec = {"recipe": asdict(own), "measures": list(measures), "other": other}
    return Cell(path, arm, own.train.seed, "classifier", spec, size=own.train.epochs)


def trial_cells(
    table: TableFile, base: Recipe, name: str, only: Sequence[str] = (), root: Path | None = None
) -> list[Cell]:
    """One cell per arm and value of tuning; none without tuning.

    With the grid's folder also those by which an arm's values are extended, as far as finished trials ask for them:
    run them and ask again until no more come.
    """
    tuning = table.tuning
    if tuning is None:
        return []
    cells = []
    for arm, changes in _arms(table, only).items():

        def trial(value: Any, arm: str = arm, changes: dict[str, Any] = changes) -> Cell:
            recipe = override(base, {**changes, **tuning.set, tuning.field: value, "train.seed": tuning.seed})
            path = f"{slug(arm)}/tuning/{slug(f'{tuning.field}={value}')}"
            return _classifier_cell(path, arm, recipe, name=name, measures=())

        values = list(tuning.values)
        own = [trial(value) for value in values]
        further = max(0, tuning.trials - len(values)) if tuning.trials else tuning.extend
        for _ in range(0 if root is None else further):
            tried = _trials(tuning, own, root)  # type: ignore[arg-type]
            value = _proposed(tuning, tried) if tuning.trials else _beyond(tried)
            if value is None:
                break
            own.append(trial(value))
        cells += own
    return cells


def _beyond(tried: TuningTrials) -> float | None:
    """The next value where the best lies at the edge of those tried; None where it does not, or a trial is missing."""
    if not tried.edge or any(accuracy is None for _, accuracy in tried.accuracy):
        return None
    numbers = sorted(float(value) for value, _ in tried.accuracy)  # type: ignore[arg-type]
    edge, beside = (numbers[0], numbers[1]) if tried.edge == "lowest" else (numbers[-1], numbers[-2])
    beyond = edge * (edge / beside) if beside > 0 and edge > 0 else 2 * edge - beside
    return float(f"{beyond:.3g}")


def _proposed(tuning: Tuning, tried: TuningTrials) -> float | None:
    """The next value of a search; None where a trial is missing."""
    known = [(float(value), a) for value, a in tried.accuracy if a is not None]  # type: ignore[arg-type]
    if len(known) < len(tried.accuracy):
        return None
    return next_value(known, search_range(tuning.values, tuning.extend), seed=tuning.seed)  # type: ignore[arg-type]


def write_searches(table: TableFile, trials: Mapping[str, TuningTrials], root: Path) -> None:
    """``ARM/tuning/optuna.log`` of every arm whose trials Optuna proposed."""
    tuning = table.tuning
    if tuning is None or not tuning.trials:
        return
    between = search_range(tuning.values, tuning.extend)
    for arm, tried in trials.items():
        known = [(float(value), float(a)) for value, a in tried.accuracy if a is not None]  # type: ignore[arg-type]
        write_search(root / slug(arm) / "tuning" / "optuna.log", f"{arm}: {tuning.field}", known, between)


def best_trials(table: TableFile, cells: Sequence[Cell], root: Path) -> dict[str, TuningTrials]:
    """Arm -> its trials with the best value; of equal accuracies the first value is kept.

    None is kept where a trial of the file's values, or of as many as every arm has, has no result. Of an extension that
    failed the others are kept.
    """
    if table.tuning is None:
        return {}
    arms = dict.fromkeys(cell.arm for cell in cells)
    return {arm: _trials(table.tuning, [cell for cell in cells if cell.arm == arm], root) for arm in arms}


def _trials(tuning: Tuning, cells: Sequence[Cell], root: Path) -> TuningTrials:
    """What one arm's trials say so far."""
    results = [read_result(cell, root) for cell in cells]
    accuracy = [None if result is None else float(result.values["val_accuracy"]) for result in results]
    own = len(tuning.values)
    values = [*tuning.values, *(_field(cell, tuning.field) for cell in cells[own:])]
    trials = tuple(zip(values, accuracy, strict=True))
    finished = [(value, a) for value, a in trials if a is not None]
    due = [*accuracy[:own], *([None] * (tuning.trials - len(accuracy)))] if tuning.trials else accuracy[:own]
    due += accuracy[own : tuning.trials]
    chosen = max(finished, key=lambda trial: trial[1])[0] if None not in due else None
    images = min((int(result.values.get("val_images", 0)) for result in results if result is not None), default=0)
    return TuningTrials(tuning.field, trials, chosen, _edge(chosen, values), len(cells) - own, images)


def _edge(chosen: Any, values: Sequence[Any]) -> Literal["", "lowest", "highest"]:
    """Whether the chosen number is the lowest or highest; values that are no numbers have no edge."""
    if chosen is None or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return ""
    return "lowest" if chosen == min(values) else "highest" if chosen == max(values) else ""


def _field(cell: Cell, field: str) -> Any:
    value: Any = cell.spec["recipe"]
    for part in field.split("."):
        value = value[part]
    return value


def table_cells(
    table: TableFile, base: Recipe, name: str, trials: Mapping[str, TuningTrials], only: Sequence[str] = ()
) -> list[Cell]:
    """Every arm with every seed, seed by seed, so that a grid that is cut short holds whole pairs.

    An arm whose tuning failed has no cells: the others it would be compared with are better tuned.
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
            cells.append(_classifier_cell(path, arm, recipe, name=name, measures=table.measures, other=table.unknown))
    return cells


def _arms(table: TableFile, only: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {arm: changes for arm, changes in table.arms.items() if not only or arm in only}


_SWEEP_COLUMNS = [
    "latent_bits",
    "label_bits",
    "accuracy_mean",
    "accuracy_one_sample",
    "accuracy_4_samples",
    "accuracy_12_samples",
    "gate_bits",
    "code_bits",
    "map_bits",
    "auc_inside",
    "energy_inside",
    "area_share",
    "deletion_gap",
    "deletion_gap_random",
    "calibration_error",
    "calibration_floor",
    "label_entropy_bits",
]


def sweep_table(
    recipe: Recipe, field: str, values: Sequence[Any], seeds: Sequence[int], *, unknown: str | None = None
) -> TableFile:
    """The table of a sweep; the first value is the reference.

    A sweep over beta takes the budget off the latent, which would find a beta of its own.

    Args:
        recipe: what all arms share.
        field: of the recipe, ``part.name``.
        values: at least one, all different.
        seeds: of every value.
        unknown: a folder or data set whose images are to be told from the test images by the latent rate.

    Raises:
        RegardError: no such field, or a value that does not fit or is unknown.
    """
    if not values or len({repr(value) for value in values}) < len(values):
        raise RegardError(f"values {list(values)}: give at least one, all different")
    free = {BUDGET: None} if field == BETA else {}
    arms = {f"{field.rpartition('.')[2]}={_value_text(value)}": {field: value} | free for value in values}
    for changes in arms.values():
        check_choices(override(recipe, changes))
    table = TableFile(
        title=f"{recipe.name}: {field} from {_value_text(values[0])} to {_value_text(values[-1])}",
        base="",
        arms=arms,
        reference=next(iter(arms)),
        seeds=list(seeds),
        measures=[*_MEASURES, *(["unknown"] if unknown is not None else [])],
        columns=[*_SWEEP_COLUMNS, *(["unknown_auroc"] if unknown is not None else [])],
        unknown=unknown,
    )
    check_table(table)
    return table


def _value_text(value: Any) -> str:
    return "none" if value is None else str(value)
