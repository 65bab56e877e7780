"""Reading a finished run: its recipe, its trained model, and, where they are needed, its data.

Nothing that lies in the folder is executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Generic, NamedTuple, TypeVar, cast

import torch

from regard.data import DataSplits
from regard.models import AttentiveClassifier
from regard.training.callbacks import read_lines
from regard.training.checkpoints import BEST, check_checkpoint
from regard.training.data_record import RunRecord, data_of_run, read_record
from regard.training.forward import TaskModel
from regard.training.layout import CHECKPOINTS, JOURNAL, MODEL, RECIPE
from regard.training.parsing import load_recipe
from regard.training.recipe import Recipe
from regard.training.tasks import TASKS
from regard.types import RegardError

ModelT = TypeVar("ModelT", bound=TaskModel)


class LoadedRun(NamedTuple, Generic[ModelT]):
    """A finished run.

    Attributes:
        recipe: as the folder holds it.
        model: trained, in evaluation mode, on the processor.
        data: what the recipe was trained and is evaluated on.
    """

    recipe: Recipe
    model: ModelT
    data: DataSplits


class TrainedRun(NamedTuple):
    """What a finished run is without its data, which need not be at hand.

    Attributes:
        recipe: as the folder holds it.
        model: trained, in evaluation mode, on the processor.
        record: of its data; None of a run of an earlier version.
    """

    recipe: Recipe
    model: TaskModel
    record: RunRecord | None


def load_run(folder: Path | str) -> LoadedRun[AttentiveClassifier]:
    """Recipe, trained classifier and data of a finished run; executes nothing that lies in the folder.

    Args:
        folder: of the run.

    Returns:
        ``recipe``, ``model`` (in evaluation mode, on the processor) and ``data``.

    Raises:
        RegardError: no finished run lies there, or it does not classify images (see `open_run`).

    Example:
        >>> load_run("runs/absent")  # `train` has one of a run
        Traceback (most recent call last):
        regard.errors.RegardError: runs/absent: not a run folder (no recipe.yaml); `regard train` makes one
    """
    run = open_run(folder)
    if not isinstance(run.model, AttentiveClassifier):
        raise RegardError(
            f"{folder}: a run of task {run.recipe.task}; one of classification, a classifier of images, is needed here"
        )
    return LoadedRun(run.recipe, run.model, run.data)


def open_run(folder: Path | str) -> LoadedRun[TaskModel]:
    """As `load_run`, of a run of any task.

    Raises:
        RegardError: no finished run lies there.
    """
    recipe, model, _ = load_trained(folder)
    return LoadedRun(recipe, model, data_of_run(recipe, Path(folder)))


def load_trained(folder: Path | str) -> TrainedRun:
    """A finished run of any task without its data: they may be gone, or the working directory another one.

    Raises:
        RegardError: no finished run lies there.
    """
    folder = Path(folder)
    path = folder / RECIPE
    if not path.is_file():
        raise RegardError(f"{folder}: not a run folder (no recipe.yaml); `regard train` makes one")
    recipe = load_recipe(path)
    if not (folder / MODEL).is_dir():
        raise RegardError(f"{folder}: this run is not finished; go on with `regard train --recipe {path}`")
    return TrainedRun(recipe, load_model(folder, TASKS[recipe.task].model), read_record(folder))


def load_model(folder: Path, kind: type[ModelT]) -> ModelT:
    """The trained model of a finished run, of class ``kind``, in evaluation mode, without its recipe and data."""
    # this memory layout makes convolutions much faster
    return cast(ModelT, kind.from_pretrained(folder / MODEL).to(memory_format=torch.channels_last))


def load_best(folder: Path) -> AttentiveClassifier | None:
    """The model of the epoch with the highest validation accuracy, the first of equals, in evaluation mode.

    None where that is the last epoch, whose model `load_run` gives. The epoch was not chosen on test images, but its
    validation accuracy flatters it.

    Raises:
        RegardError: the run keeps no such checkpoint, or it is of another network.
    """
    model, path = load_model(folder, AttentiveClassifier), folder / CHECKPOINTS / BEST
    epoch = load_checkpoint(path, model)
    return None if epoch == len(read_lines(folder / JOURNAL)) - 1 else model.eval()


def load_checkpoint(path: Path, model: TaskModel) -> int:
    """Takes the weights of a checkpoint, and gives its epoch.

    Raises:
        RegardError: there is no such checkpoint, or it is of another network.
    """
    task = torch.nn.ModuleDict({"model": model})  # the names in a checkpoint of a `Task`
    check_checkpoint(path, task)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    task.load_state_dict(checkpoint["state_dict"])
    return int(checkpoint["epoch"])
