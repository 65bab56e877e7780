"""From a study's file to cells (tuning trials, the ensemble, every condition with every seed), and what a cell does.

A cell trains a network from a recipe; every test image is then a row of the table of trials. Its spec: ``recipe``,
whole; ``task``, ``backbone``, ``layer``, ``condition``, the keys of the rows; ``gaze``, the fixations that maps are
compared with; ``measures`` with their ``doses``, or None for a trial of tuning, which is not measured on test images.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import field as default
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from regard.evaluation import GazeSource, StudyMeasures, measure_study
from regard.experiments.grid import RUN, Cell, Result, read_result, slug
from regard.experiments.held_data import grid_of, held_record
from regard.experiments.runner import GridOptions
from regard.experiments.study.design import DOSES
from regard.experiments.study.file import (
    ALIGNED,
    DEFAULT_BACKBONE,
    DEFAULT_FIELDS,
    BackboneFile,
    StudyFile,
    condition_recipe,
    read_study,
    tried_study,
)
from regard.training import (
    RECIPES,
    TASKS,
    Recipe,
    check_choices,
    find_yaml,
    history,
    load_recipe,
    open_run,
    override,
    recipe_from,
    train,
)
from regard.types import RegardError

ENSEMBLE = "ensemble"
_ENSEMBLE_MEASURES = StudyMeasures(similarity=False, faithful=0, robust=[], gallery=0)
"""Of the ensemble, performance alone is measured."""


@dataclass(frozen=True)
class TunedWeight:
    """What tuning found for a task and backbone.

    Attributes:
        scores: weight -> condition -> validation score of its trial; None where the trial failed.
        weight: the best one; None where a trial failed, so that not all conditions had the same trials.
    """

    scores: dict[float, dict[str, float | None]] = default(default_factory=dict)
    weight: float | None = None


@dataclass(frozen=True)
class Setup:
    """One backbone of a task, with its map at one layer (empty: the task's own), and the recipe of its conditions."""

    task: str
    backbone: str
    layer: str
    base: Recipe
    conditions: tuple[str, ...]

    @property
    def path(self) -> str:
        """Folder of its cells."""
        return "/".join(slug(part) for part in (self.task, self.backbone, self.layer) if part)


@dataclass(frozen=True)
class OpenStudy:
    """A study that is ready to run: its file's content and folder, the name and path of the folder of its results."""

    study: StudyFile
    folder: Path
    name: str
    root: Path

    @property
    def grid(self) -> Path:
        """Folder of its cells."""
        return self.root / "cells"

    @cached_property
    def setups(self) -> list[Setup]:
        """Every task, backbone and layer; paths of base recipes are relative to the folder of the study's file.

        Raises:
            RegardError: a recipe is missing, or fields do not fit; named with task and backbone.
        """
        setups = []
        for name, task in self.study.tasks.items():
            base = override(Recipe(), DEFAULT_FIELDS) if task.base is None else load_recipe(self.folder / task.base)
            for backbone, own in (task.backbones or {DEFAULT_BACKBONE: BackboneFile()}).items():
                recipe = _override(base, {**task.set, **own.set}, f"tasks.{name}.backbones.{backbone}")
                conditions = task.conditions if own.conditions is None else own.conditions
                setups.append(Setup(name, backbone, "", recipe, tuple(conditions)))
                for layer, changes in task.layers.items():
                    if changes.backbone == backbone:
                        moved = _override(recipe, changes.set, f"tasks.{name}.layers.{layer}")
                        setups.append(Setup(name, backbone, layer, moved, tuple(changes.conditions)))
        return setups

    @cached_property
    def tuning(self) -> list[Cell]:
        """One trial per weight and aligned condition, at each backbone's own layer; none with a single weight."""
        cells, tuning = [], self.study.tuning
        for setup in self.setups:
            if setup.layer or len(tuning.values) < 2:
                continue
            for condition in (c for c in setup.conditions if c in ALIGNED):
                recipe = override(self._recipe(setup, condition), tuning.set)
                for weight in tuning.values:
                    path = f"{setup.path}/{slug(condition)}/tuning/{slug(f'weight={weight}')}"
                    trial = replace(recipe, align=replace(recipe.align, weight=weight))
                    cells.append(self._cell(path, setup, condition, trial, tuning.seed, measures=None))
        return cells

    @cached_property
    def weights(self) -> dict[tuple[str, str], TunedWeight]:
        """(task, backbone) -> the weight with the highest mean score over conditions, the first of equal ones.

        To be read after the trials of tuning have run.
        """
        trials: dict[tuple[str, str], dict[float, dict[str, float | None]]] = {}
        for cell in self.tuning:
            result = read_result(cell, self.grid)
            score = None if result is None else float(result.values["val_accuracy"])
            scores = trials.setdefault((cell.spec["task"], cell.spec["backbone"]), {})
            weight = float(cell.spec["recipe"]["align"]["weight"])
            scores.setdefault(weight, {})[cell.spec["condition"]] = score
        return {key: TunedWeight(scores, _best(scores)) for key, scores in trials.items()}

    @cached_property
    def cells(self) -> list[Cell]:
        """All other cells, with the best weights."""
        return self.cells_with({key: tuned.weight for key, tuned in self.weights.items()})

    def cells_with(self, weights: Mapping[tuple[str, str], float | None]) -> list[Cell]:
        """The ensembles, then every condition with every seed, seed by seed, so that a grid cut short has whole pairs.

        An aligned condition whose trials failed has no cells: its control would be better tuned.
        """
        cells = []
        for task in dict.fromkeys(setup.task for setup in self.setups):
            first = next(setup for setup in self.setups if setup.task == task)
            recipe = self._recipe(first, "none")
            for seed in self.study.ensemble:
                path = f"{slug(task)}/{ENSEMBLE}/seed-{seed}"
                cells.append(self._cell(path, first, ENSEMBLE, recipe, seed, measures=_ENSEMBLE_MEASURES))
        arms = []
        for setup in self.setups:
            values = self.study.tuning.values
            weight = values[0] if len(values) == 1 else weights.get((setup.task, setup.backbone))
            left_out = (*DOSES, *(ALIGNED if weight is None else ()))
            arms += [(setup, c, self._recipe(setup, c, weight)) for c in setup.conditions if c not in left_out]
        for seed in self.study.seeds:
            for setup, condition, recipe in arms:
                path = f"{setup.path}/{slug(condition)}/seed-{seed}"
                cells.append(self._cell(path, setup, condition, recipe, seed, measures=self.study.measures))
        return cells

    def _recipe(self, setup: Setup, condition: str, weight: float | None = None) -> Recipe:
        changes = self.study.tasks[setup.task].arms.get(condition)
        try:
            recipe = condition_recipe(setup.base, condition, weight=weight, changes=changes)
            check_choices(recipe)
        except RegardError as error:
            raise RegardError(f"tasks.{setup.task}, {setup.backbone}, {condition}: {error}") from None
        return recipe

    def _cell(
        self, path: str, setup: Setup, condition: str, recipe: Recipe, seed: int, *, measures: StudyMeasures | None
    ) -> Cell:
        """A network's cell; its size is its number of epochs. Maps are compared with the setup's gaze everywhere."""
        own = replace(recipe, name=f"{self.name}/{path}", train=replace(recipe.train, seed=seed))
        a = setup.base.align
        spec = {
            "recipe": asdict(own),
            "task": setup.task,
            "backbone": setup.backbone,
            "layer": setup.layer,
            "condition": condition,
            "gaze": {"name": a.gaze or "own", "root": a.root, "options": a.options, "sigma": a.sigma},
            "measures": None if measures is None else asdict(measures),
            "doses": [d.removeprefix("dose-") for d in DOSES if condition == "human" and d in setup.conditions],
        }
        return Cell(path, f"{setup.path}/{condition}", seed, "study", spec, size=own.train.epochs)


def open_study(name: str, options: GridOptions) -> OpenStudy:
    """A study by its file, or the name of one of this package.

    Raises:
        RegardError: no such study, or tasks that it does not have.
    """
    path = find_yaml("study", name, RECIPES / "study")
    study = read_study(path)
    options.check_only(study.tasks, "task", path)
    study = replace(tried_study(study) if options.smoke else study, seeds=options.seeds_of(study.seeds))
    return OpenStudy(study, path.parent, path.stem, options.runs / path.stem)


def _best(scores: Mapping[float, Mapping[str, float | None]]) -> float | None:
    """The weight with the highest mean; None where a trial failed."""
    means = {}
    for weight, of_condition in scores.items():
        finished = [score for score in of_condition.values() if score is not None]
        if len(finished) < len(of_condition):
            return None
        means[weight] = fmean(finished)
    return max(means, key=lambda weight: means[weight])


def _override(base: Recipe, changes: Mapping[str, Any], where: str) -> Recipe:
    try:
        return override(base, changes)
    except RegardError as error:
        raise RegardError(f"{where}: {error}") from None


GAZE_SET = "looked/"
"""Prefix of the arrays that were measured on images of another set, which has gaze."""
GALLERY, MAPS = "gallery", "gallery/maps"


def run_cell(cell: Cell, folder: Path) -> Result:
    """Trains and measures.

    ``values``: the run's history; ``images``, names of the test images; ``looked``, of those of another set with gaze;
    ``scores``, means of all scores of the task; ``floors``, of its performance; ``remarks`` of its data. ``arrays``:
    columns of the trials, one value per image, those of the other set's images with `GAZE_SET` before their names;
    `GALLERY` (G,), which images maps are kept of, and `MAPS`.
    """
    recipe = recipe_from(cell.spec["recipe"])
    run = train(recipe, folder / RUN, quiet=True, record=held_record(cell, grid_of(cell, folder)))
    shutil.rmtree(run / "checkpoints", ignore_errors=True)  # of a finished run; a study has hundreds
    values = history(run, TASKS[recipe.task].monitor)
    if cell.spec["measures"] is None:
        return Result(values)
    _, model, data = open_run(run)
    device = torch.device("cuda" if recipe.train.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    gaze = GazeSource(**cell.spec["gaze"])
    wanted = StudyMeasures(**cell.spec["measures"])
    columns = measure_study(model.to(device), data, recipe, gaze, wanted, doses=cell.spec["doses"])
    values |= {"images": columns.images, "looked": columns.gaze_images, "scores": columns.means}
    values |= {"floors": columns.floors, "remarks": list(data.remarks)}
    arrays = {name: np.asarray(column) for name, column in columns.columns.items()}
    arrays |= {f"{GAZE_SET}{name}": np.asarray(column) for name, column in columns.gaze_columns.items()}
    if columns.gallery is not None and columns.maps is not None:
        arrays |= {GALLERY: np.asarray(columns.gallery), MAPS: np.asarray(columns.maps.half())}
    return Result(values, arrays)
