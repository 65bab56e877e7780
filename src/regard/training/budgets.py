"""Finds the weight at which a rate meets its budget, while the network learns (dual ascent on ln beta)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging

from regard.backbones import eval_mode
from regard.data import Split, evenly_spaced
from regard.training.budget_terms import BUDGET_TERMS
from regard.training.forward import expected_share, forward_batch, sampled_rates
from regard.training.provenance import seed_everything
from regard.training.task import Task
from regard.types import RegardError

_CHECKS = 160
"""Updates over the whole training; they are at least five steps apart."""
_RESTING = 0.1
"""Last share of training, in which multipliers rest and the learning rate falls to nothing."""


class BudgetCallback(pl.Callback):
    """Dual ascent on ln beta against the rate of the same validation images, a few times an epoch.

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
        if "map_budget_bits" in task.multipliers and not task.model.cut.is_cut:
            raise RegardError(
                f"objective.map_budget_bits: the gate at {', '.join(task.model.at)} is no cut, so its price bounds "
                f"nothing ({'; '.join(task.model.cut.bypasses)}); attend at another layer"
            )

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Measures and updates, if it is time."""
        total = task.recipe.train.epochs * task.steps_per_epoch
        step, every = task.global_step, max(5, total // _CHECKS)
        begin, end = task.recipe.objective.warmup * total, (1 - _RESTING) * total
        if step % every == 0 and begin <= step <= end:
            measured = self._broadcast_measure(trainer, task)
            task.multipliers = {name: m.update(measured[name]) for name, m in task.multipliers.items()}
            task.apply_multipliers()

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """An unreachable budget is an error that says what is reachable."""
        measured = self._broadcast_measure(trainer, task)
        for name, multiplier in task.multipliers.items():
            rate = measured[name]
            seen = replace(multiplier, lowest=min(multiplier.lowest, rate), highest=max(multiplier.highest, rate))
            seen.check(rate)

    def _broadcast_measure(self, trainer: pl.Trainer, task: Task) -> dict[str, float]:
        """What the first process measures of the weights that are validated."""
        if self.average is not None:
            self.average.on_validation_epoch_start(trainer, task)  # the average and the weights change places
        try:
            return trainer.strategy.broadcast(self.measure(task))
        finally:
            if self.average is not None:
                self.average.on_validation_epoch_end(trainer, task)

    def measure(self, task: Task) -> dict[str, float]:
        """One-sample rates in nats, and the share that random maps keep, averaged over some validation images.

        The training's noise is not moved.
        """
        batch = task.with_map(self.split.batch(evenly_spaced(len(self.split), self.images)).to(task.device))
        devices = [task.device] if task.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), eval_mode(task.model):
            seed_everything(task.recipe.train.seed, task.global_step)
            one = forward_batch(task.model, batch, samples=1)
            rates = sampled_rates(task.model, one)
            if "kept_budget" in task.multipliers:
                rates |= expected_share(one)
        return {term.budget: float(rates[term.measured].mean()) for term in BUDGET_TERMS if term.measured in rates}
