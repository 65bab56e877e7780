"""One training run as a LightningModule: the objective on every batch, what is measured on every validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics import MeanMetric

from regard.objectives import Budget, Weights, warmup_share
from regard.training.aligned import Alignment
from regard.training.budget_terms import PRICED, multipliers
from regard.training.forward import ask
from regard.training.given_maps import Imposed
from regard.training.optim import build_optimizer, build_schedule
from regard.training.recipe import Recipe
from regard.training.seeds import seed_everything
from regard.training.tasks import TASKS
from regard.training.tasks.kind import Model
from regard.types import NATS_PER_BIT, Batch, RegardError


class Task(pl.LightningModule):
    """A recipe's model in training.

    Args:
        recipe: what to do.
        model: what learns.
        steps_per_epoch: of this process.
        imposed: the maps that the recipe gives attended layers, if it does.
    """

    def __init__(self, recipe: Recipe, model: Model, steps_per_epoch: int, imposed: Imposed | None = None) -> None:
        super().__init__()
        self.imposed = imposed
        self.recipe, self.model, self.steps_per_epoch = recipe, model, steps_per_epoch
        o = recipe.objective
        self.weights = Weights(o.beta, o.map_beta, o.code_beta, o.kept_beta, o.codebook, o.commitment, o.smoothing)
        self.multipliers = multipliers(o)
        self.kind = TASKS[recipe.task]
        self.alignment = Alignment(recipe.align) if recipe.align.active else None
        self.validated = torch.nn.ModuleDict({name: MeanMetric() for name in self.kind.validated})
        # a function: a compiled module would be a second name for every weight in a checkpoint
        self.run_model: Any = torch.compile(model.forward) if recipe.train.compile else model.forward

    # What is learned --------------------------------------------------------------------------------------------------

    def on_train_epoch_start(self) -> None:
        """All that is random in an epoch is a function of (seed, epoch, rank)."""
        seed_everything(self.recipe.train.seed, self.current_epoch, self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The objective; stops at a loss that is not a number."""
        o, total = self.recipe.objective, self.recipe.train.epochs * self.steps_per_epoch
        warmup = warmup_share(self.global_step, round(o.warmup * total))
        if self.imposed is not None:
            batch = replace(batch, map_override=self.imposed.in_training(batch, self.current_epoch))
        output = ask(self.run_model, batch, samples=1)
        losses = self.kind.loss(output, batch, self.weights, warmup)
        if self.alignment is not None:
            aligned = self.alignment(output.attention, batch)
            losses = replace(losses, total=losses.total + self.recipe.align.weight * aligned, align=aligned)
        if not torch.isfinite(losses.total):
            parts = {k: float(v.detach()) for k, v in vars(losses).items() if v is not None}
            raise RegardError(
                f"loss is {float(losses.total.detach())} at step {self.global_step} (epoch {self.current_epoch}, batch "
                f"{batch_idx}; parts {parts}); the last good checkpoint is kept. Lower optim.lr or set optim.clip"
            )
        seen = {"loss": losses.total, "task": losses.task} | self.kind.seen(output, batch)
        if losses.align is not None:
            seen["align"] = losses.align
        self.log_dict({f"train/{k}": v.detach() for k, v in seen.items()}, on_epoch=True, batch_size=len(batch.images))
        self.log("loss", losses.total.detach(), prog_bar=True, logger=False)
        if losses.rate is not None:
            self.log("bits", losses.rate.detach() / NATS_PER_BIT, prog_bar=True, logger=False)
        return losses.total

    def configure_optimizers(self) -> Any:
        """One group a part; the schedule moves every step."""
        optimizer = build_optimizer(self.recipe.optim, self.model)
        schedule = build_schedule(
            self.recipe.optim, optimizer, epochs=self.recipe.train.epochs, steps_per_epoch=self.steps_per_epoch
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # What is measured -------------------------------------------------------------------------------------------------

    def on_validation_epoch_start(self) -> None:
        """Validation noise is the same in every epoch and does not move the training's."""
        self._training_noise = torch.get_rng_state()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Mean and one-sample predictions; bits are of the sampled channel."""
        seed_everything(self.recipe.train.seed, -1, int(batch.index[0]))
        for name, values in self.kind.validate(self.model, self.with_map(batch)).items():
            known = values[~values.isnan()]
            if len(known):
                self._metric(name).update(known)

    def on_validation_epoch_end(self) -> None:
        """Averages over the split: sums are synchronised over processes, no image counts twice."""
        for name in self.kind.validated:
            metric = self._metric(name)
            if metric.update_called:
                self.log(f"val/{name}", metric.compute(), prog_bar=name == self.kind.monitor, sync_dist=True)
                metric.reset()
        torch.set_rng_state(self._training_noise)

    def with_map(self, batch: Batch) -> Batch:
        """The batch with the map that is imposed on each image, if one is."""
        return batch if self.imposed is None else replace(batch, map_override=self.imposed.of(batch))

    def _metric(self, name: str) -> MeanMetric:
        metric = self.validated[name]
        assert isinstance(metric, MeanMetric)
        return metric

    # What survives a kill ---------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Multipliers go along."""
        checkpoint["multipliers"] = {k: vars(m) for k, m in self.multipliers.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Multipliers come back, and with them the weights."""
        self.multipliers = {k: Budget(**v) for k, v in checkpoint["multipliers"].items()}
        self.apply_multipliers()

    def apply_multipliers(self) -> None:
        """The objective's weights as the multipliers have them."""
        for priced in PRICED:
            if priced.budget in self.multipliers:
                self.weights = replace(self.weights, **{priced.weight: self.multipliers[priced.budget].beta})
