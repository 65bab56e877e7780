"""From a study's file to cells: trials of the weight first, then every condition with every seed, and the ensemble.

A cell of a study: a network trained from a recipe, and every test image as a row of the table of trials.

spec: ``recipe``, whole; ``task``, ``backbone``, ``layer``, ``condition``, what the rows are called; ``gaze``, whose
fixations the map is held against; ``measures`` with their ``doses``, None for a trial of tuning, whose test images are
not looked at.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as default
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from regard.evaluation import Measures, WhoseGaze, measure_study
from regard.experiments.grid.cell import RUN, Cell, Result, read_result, slug
from regard.experiments.study.design import DOSES
from regard.experiments.study.file import ALIGNED, BASE, BackboneFile, StudyFile, TaskFile, arm
from regard.training import TASKS, Recipe, history, load_recipe, open_run, override, recipe_from, train
from regard.types import RegardError

ONLY = "base"
"""The backbone of a task that names none."""
ENSEMBLE = "ensemble"
_NOTHING = Measures(similarity=False, faithful=0, robust=[], gallery=0)
"""What is measured of the ensemble besides its performance."""


@dataclass(frozen=True)
class Chosen:
    """What tuning found for a task and backbone.

    Attributes:
        scores: weight -> condition -> validation score of its trial; None where the trial failed.
        weight: the one that is kept; None where a trial failed, so that not all had the same.
    """

    scores: dict[float, dict[str, float | None]] = default(default_factory=dict)
    weight: float | None = None


@dataclass(frozen=True)
class Place:
    """One backbone of a task, at one place of the map.

    Attributes:
        task: name.
        backbone: name.
        layer: name; empty at the task's own place.
        base: recipe of the place.
        conditions: what is run there.
    """

    task: str
    backbone: str
    layer: str
    base: Recipe
    conditions: tuple[str, ...]

    @property
    def path(self) -> str:
        """Folder of its cells."""
        return "/".join(slug(part) for part in (self.task, self.backbone, self.layer) if part)


def places(study: StudyFile, folder: Path) -> list[Place]:
    """Every task, backbone and place. Reading a recipe costs more than using it: give the others what this found.

    Args:
        study: what is compared.
        folder: of the study's file, which bases lie beside.

    Raises:
        RegardError: a recipe that is not there, or fields that do not fit, named with task and backbone.
    """
    found = []
    for name, task in study.tasks.items():
        base = override(Recipe(), BASE) if task.base is None else load_recipe(folder / task.base)
        backbones = task.backbones or {ONLY: BackboneFile()}
        for backbone, own in backbones.items():
            changed = _changed(base, {**task.set, **own.set}, f"tasks.{name}.backbones.{backbone}")
            conditions = task.conditions if own.conditions is None else own.conditions
            found.append(Place(name, backbone, "", changed, tuple(conditions)))
            for layer, there in task.layers.items():
                if there.backbone == backbone:
                    moved = _changed(changed, there.set, f"tasks.{name}.layers.{layer}")
                    found.append(Place(name, backbone, layer, moved, tuple(there.conditions)))
    return found


def tuning_cells(study: StudyFile, found: Sequence[Place], name: str) -> list[Cell]:
    """One cell a weight and aligned condition, at each backbone's own place; none where there is one weight alone."""
    cells = []
    for place in found:
        if place.layer or len(study.tuning.values) < 2:
            continue
        for condition in (c for c in place.conditions if c in ALIGNED):
            recipe = override(_recipe(study.tasks[place.task], place, condition), study.tuning.set)
            for weight in study.tuning.values:
                path = f"{place.path}/{slug(condition)}/tuning/{slug(f'weight={weight}')}"
                tried = replace(recipe, align=replace(recipe.align, weight=weight))
                cells.append(_cell(path, place, condition, tried, study.tuning.seed, name, measures=None))
    return cells


def choose(study: StudyFile, cells: Sequence[Cell], root: Path) -> dict[tuple[str, str], Chosen]:
    """(task, backbone) -> what its trials found: the weight with the highest mean over conditions, the first of equals.

    Args:
        study: what is compared.
        cells: of `tuning_cells`.
        root: of the grid.
    """
    found: dict[tuple[str, str], dict[float, dict[str, float | None]]] = {}
    for cell in cells:
        result = read_result(cell, root)
        score = None if result is None else float(result.values["val_accuracy"])
        scores = found.setdefault((cell.spec["task"], cell.spec["backbone"]), {})
        weight = float(cell.spec["recipe"]["align"]["weight"])
        scores.setdefault(weight, {})[cell.spec["condition"]] = score
    return {key: Chosen(scores, _best(scores)) for key, scores in found.items()}


def cells_of(
    study: StudyFile, found: Sequence[Place], name: str, chosen: Mapping[tuple[str, str], Chosen]
) -> list[Cell]:
    """The ensembles, then every condition with every seed, seed by seed, so that a grid cut short holds whole pairs.

    An aligned condition whose trials failed has no cells: with less tuning than its control it would be no match.

    Args:
        study: what is compared.
        found: its places.
        name: of the study.
        chosen: what tuning found.
    """
    cells = []
    for task in dict.fromkeys(place.task for place in found):
        first = next(place for place in found if place.task == task)
        plain = _recipe(study.tasks[task], first, "none")
        for seed in study.ensemble:
            path = f"{slug(task)}/{ENSEMBLE}/seed-{seed}"
            cells.append(_cell(path, first, ENSEMBLE, plain, seed, name, measures=_NOTHING))
    arms = [(place, c, r) for place in found for c, r in _arms(study, place, chosen).items()]
    for seed in study.seeds:
        for place, condition, recipe in arms:
            path = f"{place.path}/{slug(condition)}/seed-{seed}"
            cells.append(_cell(path, place, condition, recipe, seed, name, measures=study.measures))
    return cells


def _arms(study: StudyFile, place: Place, chosen: Mapping[tuple[str, str], Chosen]) -> dict[str, Recipe]:
    """Condition -> recipe, of all that are runs of their own and have their weight."""
    tried = chosen.get((place.task, place.backbone))
    weight = None if tried is None else tried.weight
    if len(study.tuning.values) == 1:
        weight = study.tuning.values[0]
    return {
        condition: _recipe(study.tasks[place.task], place, condition, weight)
        for condition in place.conditions
        if condition not in DOSES and not (condition in ALIGNED and weight is None)
    }


def _recipe(task: TaskFile, place: Place, condition: str, weight: float | None = None) -> Recipe:
    try:
        return arm(place.base, condition, weight=weight, changes=task.arms.get(condition))
    except RegardError as error:
        raise RegardError(f"tasks.{place.task}, {place.backbone}, {condition}: {error}") from None


def _cell(
    path: str, place: Place, condition: str, recipe: Recipe, seed: int, name: str, *, measures: Measures | None
) -> Cell:
    """Its size is its number of epochs; its map is held against the gaze of the place, whatever it learned from."""
    own = replace(recipe, name=f"{name}/{path}", train=replace(recipe.train, seed=seed))
    a = place.base.align
    gaze = {"name": a.gaze or "own", "root": a.root, "options": a.options, "sigma": a.sigma}
    spec = {
        "recipe": asdict(own),
        "task": place.task,
        "backbone": place.backbone,
        "layer": place.layer,
        "condition": condition,
        "gaze": gaze,
        "measures": None if measures is None else asdict(measures),
        "doses": [d.removeprefix("dose-") for d in DOSES if condition == "human" and d in place.conditions],
    }
    return Cell(path, f"{place.path}/{condition}", seed, "study", spec, size=own.train.epochs)


def _best(scores: Mapping[float, Mapping[str, float | None]]) -> float | None:
    means = {}
    for weight, of_condition in scores.items():
        known = [score for score in of_condition.values() if score is not None]
        if len(known) < len(of_condition):
            return None
        means[weight] = fmean(known)
    return max(means, key=lambda weight: means[weight])


def _changed(base: Recipe, changes: Mapping[str, Any], where: str) -> Recipe:
    try:
        return override(base, changes)
    except RegardError as error:
        raise RegardError(f"{where}: {error}") from None


LOOKED = "looked/"
"""Before the names of what was measured on images of another set, which people looked at."""
GALLERY, MAPS = "gallery", "gallery/maps"


def run_cell(cell: Cell, folder: Path) -> Result:
    """Trains and measures.

    ``values``: the run's history; ``images``, names of the test images; ``looked``, of those of another set with gaze;
    ``scores``, means of all scores of the task; ``floors``, of its performance; ``remarks`` of its data. ``arrays``:
    columns of the trials, one value an image, those of the other set's images with `LOOKED` before their names;
    `GALLERY` (G,), which images maps are kept of, and `MAPS`.
    """
    recipe = recipe_from(cell.spec["recipe"])
    run = train(recipe, folder / RUN, quiet=True)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)  # of a finished run; a study has hundreds
    values = history(run, TASKS[recipe.task].monitor)
    if cell.spec["measures"] is None:
        return Result(values)
    _, model, data = open_run(run)
    device = torch.device("cuda" if recipe.train.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    gaze = WhoseGaze(**cell.spec["gaze"])
    wanted = Measures(**cell.spec["measures"])
    found = measure_study(model.to(device), data, recipe, gaze, wanted, doses=cell.spec["doses"])
    values |= {"images": found.images, "looked": found.looked_images, "scores": found.means}
    values |= {"floors": found.floors, "remarks": list(data.remarks)}
    arrays = {name: np.asarray(column) for name, column in found.columns.items()}
    arrays |= {f"{LOOKED}{name}": np.asarray(column) for name, column in found.looked.items()}
    if found.gallery is not None and found.maps is not None:
        arrays |= {GALLERY: np.asarray(found.gallery), MAPS: np.asarray(found.maps.half())}
    return Result(values, arrays)
