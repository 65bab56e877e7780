"""One training run as a LightningModule: the objective on every batch, what is measured on every validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics import MeanMetric

from regard.attention import set_progress
from regard.data import mix_batch
from regard.objectives import Budget, Weights, warmup_share
from regard.training.divergence import Diverged
from regard.training.forward import TaskModel, forward_batch
from regard.training.human_maps import align_batch
from regard.training.map_override import OverrideMaps
from regard.training.optim import build_optimizer, build_schedule
from regard.training.provenance import seed_everything
from regard.training.recipe import Recipe
from regard.training.tasks import TASKS
from regard.types import NATS_PER_BIT, Batch


class Task(pl.LightningModule):
    """A recipe's model in training.

    Args:
        recipe: of the run.
        model: the network that learns.
        steps_per_epoch: of this process.
        overrides: the maps that replace those of attended layers, if the recipe imposes maps.
    """

    def __init__(
        self, recipe: Recipe, model: TaskModel, steps_per_epoch: int, overrides: OverrideMaps | None = None
    ) -> None:
        super().__init__()
        self.overrides = overrides
        self.recipe, self.model, self.steps_per_epoch = recipe, model, steps_per_epoch
        o = recipe.objective
        self.weights = Weights(o.beta, o.map_beta, o.code_beta, o.kept_beta, o.codebook, o.commitment, o.smoothing)
        start = None if o.budget_bits is None else Budget.of("objective.budget_bits", o.budget_bits, o.beta)
        self.multiplier: Budget | None = start
        self.kind = TASKS[recipe.task]
        self.validated = torch.nn.ModuleDict({name: MeanMetric() for name in self.kind.validated})
        self._defined: set[str] = set()
        # a function: a compiled module would be a second name for every weight in a checkpoint
        self.run_model: Any = torch.compile(model.forward) if recipe.train.compile else model.forward

    def on_train_epoch_start(self) -> None:
        """Seeds the epoch: all that is random in it is a function of (seed, epoch, rank)."""
        seed_everything(self.recipe.train.seed, self.current_epoch, self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The objective; stops at a loss that is not a number."""
        o, total = self.recipe.objective, self.recipe.train.epochs * self.steps_per_epoch
        warmup = warmup_share(self.global_step, round(o.warmup * total))
        set_progress(self.model, self.global_step / total)
        if self.overrides is not None:
            batch = replace(batch, map_override=self.overrides.in_training(batch, self.current_epoch))
        if self.recipe.augment.mixup or self.recipe.augment.cutmix:
            batch = self._mixed(batch, batch_idx)
        output = forward_batch(self.run_model, batch, samples=0 if self._mean_step else 1)
        losses = self.kind.loss(output, batch, self.weights, warmup)
        if self.recipe.align.active:
            aligned = align_batch(self.recipe.align, output.attention, batch)
            losses = replace(losses, total=losses.total + self.recipe.align.weight * aligned, align=aligned)
        if not torch.isfinite(losses.total):
            parts = {k: float(v.detach()) for k, v in vars(losses).items() if v is not None}
            loss = f"the loss is {float(losses.total.detach())} at step {self.global_step}"
            raise Diverged(self.current_epoch, f"{loss} (batch {batch_idx} of the epoch; its parts are {parts})")
        scores = {"loss": losses.total, "task": losses.task} | self.kind.training_scores(output, batch)
        if losses.align is not None:
            scores["align"] = losses.align
        logged = {f"train/{name}": value.detach() for name, value in scores.items()}
        self.log_dict(logged, on_epoch=True, batch_size=len(batch.images))
        self.log("loss", losses.total.detach(), prog_bar=True, logger=False)
        if losses.rate is not None:
            self.log("bits", losses.rate.detach() / NATS_PER_BIT, prog_bar=True, logger=False)
        return losses.total

    def _mixed(self, batch: Batch, step: int) -> Batch:
        """The batch with images and labels mixed, as the recipe has it."""
        a, classes = self.recipe.augment, cast(int, self.model.num_classes)
        where = {"seed": self.recipe.train.seed, "epoch": self.current_epoch, "step": step, "rank": self.global_rank}
        return mix_batch(batch, classes, mixup=a.mixup, cutmix=a.cutmix, **where)

    def configure_optimizers(self) -> Any:
        """One group a part; the schedule moves every step."""
        optimizer = build_optimizer(self.recipe.optim, self.model)
        epochs, steps_per_epoch = self.recipe.train.epochs, self.steps_per_epoch
        schedule = build_schedule(self.recipe.optim, optimizer, epochs=epochs, steps_per_epoch=steps_per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_validation_epoch_start(self) -> None:
        """Keeps the state of the training's noise: validation draws its own, the same in every epoch."""
        self._training_noise = torch.get_rng_state()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Mean and one-sample predictions; bits are of the sampled channel."""
        seed_everything(self.recipe.train.seed, -1, int(batch.index[0]))
        for name, values in self.kind.validate(self.model, self.with_map(batch)).items():
            defined = values[~values.isnan()]
            if len(defined):
                cast(MeanMetric, self.validated[name]).update(defined)

    def on_validation_epoch_end(self) -> None:
        """Averages over the split: sums are synchronised over processes, no image counts twice."""
        for name, module in self.validated.items():
            metric = cast(MeanMetric, module)
            if metric.update_called:
                self._defined.add(name)
            if name in self._defined:  # where it is not any more, Lightning would go on with the last epoch's
                value = metric.compute() if metric.update_called else torch.tensor(float("nan"), device=self.device)
                self.log(f"val/{name}", value, prog_bar=name == self.kind.monitor, sync_dist=True)
                metric.reset()
        torch.set_rng_state(self._training_noise)

    def with_map(self, batch: Batch) -> Batch:
        """The batch with the map that replaces each image's own, if the recipe imposes maps."""
        return batch if self.overrides is None else replace(batch, map_override=self.overrides.of(batch))

    @property
    def _mean_step(self) -> bool:
        """Whether this step takes the mean path; such steps are evenly spaced."""
        share = self.recipe.train.mean_share
        return int((self.global_step + 1) * share) > int(self.global_step * share)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the multiplier."""
        checkpoint["multiplier"] = None if self.multiplier is None else vars(self.multiplier)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores the multiplier, and with it the weight of the latent rate."""
        if checkpoint["multiplier"] is not None:
            self.set_multiplier(Budget(**checkpoint["multiplier"]))

    def set_multiplier(self, multiplier: Budget) -> None:
        """The multiplier of the latent rate, and the objective's weight with it."""
        self.multiplier = multiplier
        self.weights = replace(self.weights, beta=multiplier.beta)
