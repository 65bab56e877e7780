"""Training that diverges: it is noticed before anything is saved, and goes on from the last checkpoint at a lower rate.

``diverged.json`` in a run's folder lists what happened: the epoch, why, and, once it went on, the fields of the recipe
that were changed for that.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import LRScheduler

from regard.files import write_json
from regard.reading import read_json_file
from regard.training.checkpoints import LAST
from regard.training.layout import CHECKPOINTS, RECIPE
from regard.training.optim import build_optimizer, build_schedule
from regard.training.parsing import load_recipe, save_recipe
from regard.training.recipe import Recipe
from regard.training.recipe_training import OptimRecipe
from regard.types import RegardError

DIVERGED_FILE = "diverged.json"
_RATES = ("lr", "backbone_lr", "attention_lr", "anchors_lr")
_REPAIRS = (*_RATES, "clip")
"""Fields of ``optim`` that may be changed after a divergence: rates to lower ones, ``clip`` to any."""


class Diverged(RegardError):  # noqa: N818
    """Training cannot go on from here: the loss, the weights or what validation gives are not finite.

    Args:
        epoch: in which it was noticed.
        why: what is not finite, and where.
    """

    def __init__(self, epoch: int, why: str) -> None:
        super().__init__(f"training diverged in epoch {epoch}: {why}")
        self.epoch, self.why = epoch, why


class DivergenceGuard(pl.Callback):
    """Ends training where weights, running statistics or the validation score stop being finite, before they are saved.

    It belongs before all other callbacks. A run that goes on at other rates gets them here.

    Args:
        recipe: of the run.
        monitor: the score of validation by which epochs are compared.
    """

    def __init__(self, recipe: Recipe, monitor: str) -> None:
        self.recipe, self.monitor = recipe, monitor
        self._names: frozenset[str] = frozenset()

    def on_train_start(self, trainer: pl.Trainer, task: Any) -> None:
        """Notes what is finite, and sets the recipe's rates: a checkpoint comes with those that it was trained at."""
        self._names = frozenset(name for name, value in task.state_dict().items() if _finite(value))
        if trainer.lr_scheduler_configs:
            take_rates(self.recipe, task, trainer.lr_scheduler_configs[0].scheduler)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *_: Any) -> None:
        """Looks at the weights after the last step of an epoch; within it, the loss shows them."""
        if not trainer.is_last_batch:
            return
        state = task.state_dict()
        broken = [name for name in sorted(self._names & state.keys()) if not _finite(state[name])]
        if broken:
            raise Diverged(trainer.current_epoch, f"{broken[0].removeprefix('model.')} is not finite any more")

    def on_train_epoch_end(self, trainer: pl.Trainer, task: Any) -> None:
        """Looks at the score of validation."""
        score = trainer.callback_metrics.get(self.monitor)
        if score is None or not math.isfinite(float(score)):
            value = "undefined" if score is None else float(score)
            raise Diverged(trainer.current_epoch, f"{self.monitor} is {value} on the validation images")


def _finite(value: torch.Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())


def take_rates(recipe: Recipe, task: Any, schedule: LRScheduler) -> None:
    """Moves an optimiser and its schedule, restored from a checkpoint, to the rates of the recipe."""
    fresh = build_schedule(
        recipe.optim,
        build_optimizer(recipe.optim, task.model),
        epochs=recipe.train.epochs,
        steps_per_epoch=task.steps_per_epoch,
    )
    for i, (group, new) in enumerate(zip(schedule.optimizer.param_groups, fresh.base_lrs, strict=True)):
        old = schedule.base_lrs[i]
        if new == old:
            continue
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if key in group:
                group[key] *= new / old
        schedule.base_lrs[i] = new


def with_remedy(error: Diverged, folder: Path, recipe: Recipe) -> RegardError:
    """Records a divergence in a run's folder that holds a checkpoint; gives the error with its remedy."""
    kept = (folder / CHECKPOINTS / LAST).exists()
    if kept:
        write_json(folder / DIVERGED_FILE, [*divergences(folder), {"epoch": error.epoch, "why": error.why}])
    start = "the last good checkpoint is kept, and the same command goes on from it" if kept else "the same command"
    rate = f"--optim.lr {recipe.optim.lr / 10:.2g} (it was {recipe.optim.lr:g})"
    clip = f"--optim.clip {1 if recipe.optim.clip is None else recipe.optim.clip / 10:g}"
    return RegardError(f"{error}; {start} with lower rates: give {rate}, or {clip}")


def divergences(folder: Path) -> list[dict[str, Any]]:
    """What ``diverged.json`` lists; empty where a run never diverged."""
    path = folder / DIVERGED_FILE
    if not path.exists():
        return []
    records = read_json_file(path, "remove it")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise RegardError(f"{path}: no list of records; remove it")
    return records


def continued_recipe(folder: Path, recipe: Recipe, *, finished: bool) -> Recipe:
    """The recipe that a folder's run goes on with: after a divergence one of lower rates takes the old one's place.

    Twin and plain start inside a run that diverged go on with the same rates; where they are finished they stay as they
    are, and their own recipe is returned. In every other case the given recipe is returned, and nothing is written.
    """
    path, own, outer = folder / RECIPE, divergences(folder), divergences(folder.parent)
    if not (own or outer) or not path.is_file():
        return recipe
    old = load_recipe(path)
    changed = _repairs(old.optim, recipe.optim)
    if not changed or replace(old, optim=recipe.optim) != recipe:
        return recipe
    if finished:
        return old if outer else recipe
    record = own[-1] if own and "then" not in own[-1] else {"why": "the run around it diverged"}
    then = {f"optim.{name}": [getattr(old.optim, name), getattr(recipe.optim, name)] for name in changed}
    write_json(folder / DIVERGED_FILE, [*(one for one in own if one is not record), record | {"then": then}])
    save_recipe(recipe, path)
    return recipe


def _repairs(old: OptimRecipe, new: OptimRecipe) -> list[str]:
    """The fields that differ, if each is a remedy; else empty."""
    changed = [name for name in _REPAIRS if getattr(old, name) != getattr(new, name)]
    if replace(old, **{name: getattr(new, name) for name in changed}) != new:
        return []
    rates = [(getattr(old, name), getattr(new, name)) for name in changed if name in _RATES]
    lower = all(a is not None and b is not None and b < a for a, b in rates)
    return changed if lower else []
