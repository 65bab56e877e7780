"""Reading a run in training: the model of its last checkpoint, and its data. Nothing in its folder is changed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from regard.data import DataSplits
from regard.training.build import build_model
from regard.training.checkpoints import LAST
from regard.training.data_record import build_data, read_record
from regard.training.finished import load_checkpoint
from regard.training.forward import TaskModel
from regard.training.layout import CHECKPOINTS, RECIPE
from regard.training.parsing import load_recipe
from regard.training.recipe import Recipe
from regard.types import RegardError


class CheckpointedRun(NamedTuple):
    """A run at its last checkpoint.

    Attributes:
        recipe: as the folder holds it.
        model: after ``epoch``, in evaluation mode, on the processor.
        data: what it is trained on.
        epoch: that was finished last, from 0.
    """

    recipe: Recipe
    model: TaskModel
    data: DataSplits
    epoch: int


def load_unfinished(folder: Path | str) -> CheckpointedRun:
    """A run of any task at its last checkpoint, whether it trains right now or was killed.

    Raises:
        RegardError: no run, none with a checkpoint yet, or data that are not at hand.
    """
    folder = Path(folder)
    if not (folder / RECIPE).is_file():
        raise RegardError(f"{folder}: not a run folder (no recipe.yaml); `regard train` makes one")
    path = folder / CHECKPOINTS / LAST
    if not path.is_file():
        raise RegardError(f"{folder}: no epoch is finished yet, so there is no checkpoint; wait for the first")
    recipe = load_recipe(folder / RECIPE)
    data = build_data(recipe, read_record(folder))
    model = build_model(recipe, data)
    epoch = load_checkpoint(path, model)
    return CheckpointedRun(recipe, model.eval().to(memory_format=torch.channels_last), data, epoch)
