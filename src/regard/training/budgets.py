"""Budgets in training: the weight of the latent rate is searched (dual ascent), a map's budget is kept by projection.

Both are compared with what validation images paid when training ends: a budget that was missed is an error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import Split, evenly_spaced
from regard.training.divergence import Diverged
from regard.training.forward import expected_share, forward_batch, sampled_rates
from regard.training.provenance import seed_everything
from regard.training.recipe_model import MAP_BUDGETS, ObjectiveRecipe
from regard.training.task import Task
from regard.types import NATS_PER_BIT, RegardError

_CHECKS = 160
"""Updates over the whole training; they are at least five steps apart."""
_RESTING = 0.1
"""Last share of training, in which the multiplier rests and the learning rate falls to nothing."""
_MISSED = 0.1
"""Largest relative distance between what a map was to pay and what validation images paid."""
_AT_END = 512
"""Maps of validation images that are measured when training ends."""
_MEASURED = {"map_budget_bits": "gate_bits", "kept_budget": "expected_share", "code_budget_bits": "code_bits"}


def has_budget(objective: ObjectiveRecipe) -> bool:
    """Whether anything has a budget."""
    return any(getattr(objective, name) is not None for name in ("budget_bits", *MAP_BUDGETS))


class BudgetSearch(pl.Callback):
    """Dual ascent on ln beta of the latent rate by the same validation images, a few times an epoch; checks at the end.

    It starts when the warm-up is over and rests in the last tenth of training. Every process measures the same images
    with the same noise; as running statistics differ a little between processes, all believe the first.

    Args:
        split: validation images.
        average: the moving average of the weights, if that is what is validated and kept; it is then what is measured.
        images: number of images that are measured.
    """

    def __init__(self, split: Split, average: WeightAveraging | None = None, *, images: int = 160) -> None:
        self.split, self.average, self.images = split, average, images

    def on_fit_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """A gate budget is refused at once where something goes around the gate."""
        if task.recipe.objective.map_budget_bits is not None and not task.model.cut.is_cut:
            raise RegardError(
                f"objective.map_budget_bits: something goes around the gate at {', '.join(task.model.at)}, so its bits "
                f"bound nothing ({'; '.join(task.model.cut.bypasses)}); attend at another layer"
            )

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Remembers the step, which several batches may share."""
        self._step = task.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Measures the latent rate and updates its weight, if it is time."""
        if task.multiplier is None or task.global_step == self._step:
            return
        self._step = task.global_step
        total = task.recipe.train.epochs * task.steps_per_epoch
        step, every = task.global_step, max(5, total // _CHECKS)
        begin, end = task.recipe.objective.warmup * total, (1 - _RESTING) * total
        if step % every == 0 and begin <= step <= end:
            rate = self._broadcast_measure(trainer, task)["latent_bits"]
            if not math.isfinite(rate):
                raise Diverged(trainer.current_epoch, f"the latent's rate is {rate} on validation images")
            task.set_multiplier(task.multiplier.update(rate))

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """A budget that was missed is an error that says what was asked, what is paid, and what is reachable."""
        measured = self._broadcast_measure(trainer, task, _AT_END)
        if task.multiplier is not None:
            rate, m = measured["latent_bits"], task.multiplier
            replace(m, lowest=min(m.lowest, rate), highest=max(m.highest, rate)).check(rate)
        for name in MAP_BUDGETS:
            budget = getattr(task.recipe.objective, name)
            if budget is None:
                continue
            unit = 1.0 if name == "kept_budget" else NATS_PER_BIT
            asked, paid = sum(budget) if isinstance(budget, list) else budget, measured[_MEASURED[name]] / unit
            if abs(paid / asked - 1) > _MISSED:
                way = (
                    "an open map pays no more: ask for less"
                    if paid < asked
                    else "a closed map pays no less: ask for more"
                )
                raise RegardError(
                    f"objective.{name}={asked:g}: validation images pay {paid:.4g}. Perhaps {way}; or train longer, "
                    "or with objective.closed_from earlier"
                )

    def _broadcast_measure(self, trainer: pl.Trainer, task: Task, images: int | None = None) -> dict[str, float]:
        """What the first process measures of the weights that are validated."""
        if self.average is not None:
            self.average.on_validation_epoch_start(trainer, task)  # the average and the weights change places
        try:
            return trainer.strategy.broadcast(self.measure(task, images))
        finally:
            if self.average is not None:
                self.average.on_validation_epoch_end(trainer, task)

    def measure(self, task: Task, images: int | None = None) -> dict[str, float]:
        """One-sample rates in nats, and the share that random maps keep, averaged over some validation images.

        The training's noise is not moved.

        Args:
            task: whose model is measured.
            images: how many maps, of fewer images several; by default one of each of the callback's number of images.
        """
        rows = evenly_spaced(len(self.split), images or self.images)
        if images is not None:
            rows = rows.repeat(max(1, images // len(rows)))  # few images in several draws
        devices = [task.device] if task.device.type == "cuda" else []
        values: defaultdict[str, list[Tensor]] = defaultdict(list)
        with torch.random.fork_rng(devices=devices), eval_mode(task.model):
            seed_everything(task.recipe.train.seed, task.global_step)
            for part in rows.split(self.images):
                batch = task.with_map(self.split.batch(part).to(task.device))
                one = forward_batch(task.model, batch, samples=1)
                for name, value in (sampled_rates(task.model, one) | expected_share(one)).items():
                    values[name].append(value)
        return {name: float(torch.cat(parts).mean()) for name, parts in values.items()}
