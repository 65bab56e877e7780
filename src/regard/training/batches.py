"""A recipe's data as Lightning takes it. It is apart from the task, so that copying the task copies no images."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch

from regard.data import DataSplits, JointLoader, Loader, Split, loader
from regard.training.build import build_augmentation
from regard.training.recipe import Recipe
from regard.training.stem_cache import StemSplit
from regard.types import Batch, RegardError


class Batches(pl.LightningDataModule):
    """Batches on the training device; each image goes to exactly one process.

    Args:
        recipe: of the run.
        data: splits to train and validate on.
        gaze: training images of another set with fixations, joined to every training batch.
    """

    def __init__(self, recipe: Recipe, data: DataSplits, gaze: Split | None = None) -> None:
        super().__init__()
        self.recipe, self.data, self.gaze = recipe, data, gaze

    @property
    def batch_size(self) -> int:
        """Images of a batch in every process: as the recipe has it, or of a smaller set all, in one batch an epoch.

        Raises:
            RegardError: fewer images than processes.
        """
        t = self.recipe.train
        world = t.devices * t.nodes
        for split in (self.data.train, self.data.val):
            if len(split) < world:
                raise RegardError(
                    f"{len(split)} {split.name} images for {world} processes, each of which needs one; lower "
                    "train.devices and train.nodes, or add images"
                )
        return min(t.batch_size, len(self.data.train) // world)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of every process; the last one of an epoch may be of fewer batches than ``train.accumulate``."""
        return math.ceil(self.batches_per_epoch / self.recipe.train.accumulate)

    @property
    def batches_per_epoch(self) -> int:
        """Batches of every process, with as many processes as the recipe asks for; at least one."""
        t = self.recipe.train
        every = len(loader(self.data.train, self.batch_size, shuffle=False, drop_last=True, world=t.devices * t.nodes))
        return min(every, t.limit_train_batches or every)

    def train_dataloader(self) -> Loader | JointLoader:
        """Augmented batches of this epoch, in an order of its own."""
        own = self._loader(self.data.train, self.batch_size, training=True)
        if self.gaze is None:
            return own
        gaze, seed = self.gaze, self.recipe.train.seed
        if isinstance(gaze, StemSplit):
            gaze = gaze.at(seed, self._trainer.current_epoch)
        return JointLoader(own, gaze, self.recipe.align.batch_size, seed, own.augment)

    def val_dataloader(self) -> Loader:
        """The validation split in its own order."""
        # a process without a batch to validate would leave the others waiting for its share of the sums
        share = len(self.data.val) // self._trainer.world_size
        return self._loader(self.data.val, max(1, min(4 * self.recipe.train.batch_size, share)), training=False)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Moves a batch, and brings images, features and flow into the recipe's memory layout."""
        moved = batch.to(device)
        if not self.recipe.train.channels_last:
            return moved
        tensors: dict[str, Any] = {name: getattr(moved, name) for name in ("images", "stem", "flow")}
        spatial = {name: x for name, x in tensors.items() if x is not None and x.ndim == 4}
        return replace(moved, **{name: x.contiguous(memory_format=torch.channels_last) for name, x in spatial.items()})

    def _loader(self, split: Split, batch_size: int, *, training: bool) -> Loader:
        trainer, seed, cached = self._trainer, self.recipe.train.seed, isinstance(split, StemSplit)
        epoch = trainer.current_epoch if training else 0
        return loader(
            split.at(seed, epoch) if training and isinstance(split, StemSplit) else split,
            batch_size,
            shuffle=training,
            seed=seed,
            epoch=epoch,
            augment=build_augmentation(self.recipe) if training and not cached else None,
            device=trainer.strategy.root_device,
            num_workers=0 if cached else self.recipe.data.workers,
            drop_last=training,
            rank=trainer.global_rank,
            world=trainer.world_size,
        )

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "Lightning sets the trainer before it asks for batches"
        return self.trainer
