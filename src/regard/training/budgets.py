"""Finds the weight at which a rate meets its budget, while the network learns (dual ascent on ln beta)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging

from regard.data import Split, evenly_spaced
from regard.training.budget_terms import BUDGET_TERMS
from regard.training.forward import expected_share, forward_batch, sampled_rates
from regard.training.provenance import seed_everything
from regard.training.task import Task
from regard.types import RegardError

FROZEN = 0.1
"""Last share of training, in which multipliers rest and the learning rate falls to nothing."""


class BudgetCallback(pl.Callback):
    """Dual ascent on ln beta against the rate of the same validation images, a few times an epoch.

    It starts when the warm-up is over and rests in the last tenth of training. Every process measures the same images
    with the same noise; as running statistics differ a little between processes, all believe the first.

    Args:
        split: validation images.
        average: the moving average of the weights, if that is what is validated and kept; it is then what is measured.
        images: number of images that are measured.
        checks: updates over the whole training, at least five steps apart.
    """

    def __init__(
        self, split: Split, average: WeightAveraging | None = None, *, images: int = 160, checks: int = 160
    ) -> None:
        self.split, self.average, self.images, self.checks = split, average, images, checks

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
        step, every = task.global_step, max(5, total // self.checks)
        begin, end = task.recipe.objective.warmup * total, (1 - FROZEN) * total
        if step % every == 0 and begin <= step <= end:
            measured = self._agreed(trainer, task)
            task.multipliers = {name: m.update(measured[name]) for name, m in task.multipliers.items()}
            task.apply_multipliers()

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """An unreachable budget is an error that says what is reachable."""
        measured = self._agreed(trainer, task)
        for name, multiplier in task.multipliers.items():
            rate = measured[name]
            seen = replace(multiplier, lowest=min(multiplier.lowest, rate), highest=max(multiplier.highest, rate))
            seen.check(rate)

    def _agreed(self, trainer: pl.Trainer, task: Task) -> dict[str, float]:
        """What the first process measures of the weights that are validated."""
        if self.average is None:
            return trainer.strategy.broadcast(self.measure(task))
        self.average.on_validation_epoch_start(trainer, task)  # the average and the weights change places
        try:
            return trainer.strategy.broadcast(self.measure(task))
        finally:
            self.average.on_validation_epoch_end(trainer, task)

    @torch.no_grad()
    def measure(self, task: Task) -> dict[str, float]:
        """One-sample rates in nats, and the share that random maps keep, averaged over some validation images.

        The training's noise is not moved.
        """
        model, was_training = task.model, task.model.training
        devices = [task.device] if task.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            seed_everything(task.recipe.train.seed, task.global_step)
            model.eval()
            batch = self.split.batch(evenly_spaced(len(self.split), self.images)).to(task.device)
            batch = task.with_map(batch)
            one = forward_batch(model, batch, samples=1)
            rates = sampled_rates(model, one) | (expected_share(one) if "kept_budget" in task.multipliers else {})
            model.train(was_training)
        return {p.budget: float(rates[p.measured].mean()) for p in BUDGET_TERMS if p.measured in rates}
