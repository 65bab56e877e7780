"""A run: a folder that holds everything, trained from its recipe or continued from its last checkpoint."""

from __future__ import annotations

import json
import logging
import signal
import time
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from regard.data import DataSplits
from regard.files import write_atomically
from regard.models import AttentiveClassifier, TwoStream
from regard.training.batches import Batches
from regard.training.budget_terms import asked_for
from regard.training.budgets import BudgetCallback
from regard.training.build import build_data, build_gaze, build_model, matched
from regard.training.callbacks import AtomicCheckpoints, Journal, Progress, check_checkpoint, read_lines
from regard.training.given_maps import imposed_maps
from regard.training.parsing import load_recipe, save_recipe
from regard.training.provenance import environment
from regard.training.recipe import Recipe
from regard.training.seeds import seed_everything
from regard.training.stem_cache import kept_stem, through_stem
from regard.training.task import Task
from regard.training.tasks import TASKS
from regard.training.tasks.kind import Model
from regard.types import RegardError

LAST = "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"
MODEL = "model"
DONE = "environment.json"


def train(recipe: Recipe, folder: Path, *, quiet: bool = False) -> Path:
    """Trains a recipe into a folder, or goes on where a killed run stopped; a finished run is left as it is.

    The folder gets ``recipe.yaml``, ``metrics.jsonl``, ``checkpoints/``, ``model/`` (Hugging Face form) and, last,
    ``environment.json``.

    Raises:
        RegardError: the folder holds a run of another recipe, or training failed.
    """
    recipe = matched(recipe)
    claim(recipe, folder)
    if (folder / DONE).exists():
        return folder
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    begin = time.perf_counter()
    seed_everything(recipe.train.seed)
    data = build_data(recipe)
    model: Model = build_model(recipe, data)
    if recipe.train.channels_last:
        model = model.to(memory_format=torch.channels_last)
    for engine in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(engine).setLevel(logging.WARNING)  # its tips are not the run's
    imposed = imposed_maps(recipe, data, model)
    data, gaze = build_gaze(recipe, data)
    if recipe.train.cache_stem:
        assert not isinstance(model, TwoStream), "the recipe says so"
        data = through_stem(recipe, model, data, quiet=quiet)
        gaze = None if gaze is None else kept_stem(recipe, model, gaze, training=True, quiet=quiet)
    batches = Batches(recipe, data, gaze)
    task = Task(recipe, model, batches.steps_per_epoch, imposed)
    trainer = _trainer(recipe, folder, quiet, batches)
    last = folder / LAST
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty", category=UserWarning)
    if recipe.model.freeze:  # frozen layers stay in evaluation mode, as they should
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode", category=UserWarning)
    if last.exists():
        check_checkpoint(last, task)
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(task, batches, ckpt_path=last if last.exists() else None, weights_only=True)
    except SystemExit as left:  # the engine's answer to an interruption, after which it is deaf to the next
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from left
    if trainer.is_global_zero:
        model.save_pretrained(folder / MODEL)
        record = environment(recipe.train.seed) | {"seconds": round(time.perf_counter() - begin, 1)}
        if imposed is not None:
            record["imposed"] = imposed.record
        write_atomically(folder / DONE, json.dumps(record, indent=2) + "\n")
    return folder


def load_run(folder: Path) -> tuple[Recipe, AttentiveClassifier, DataSplits]:
    """As `open_run`, of a run that classifies.

    Raises:
        RegardError: it does something else.
    """
    recipe, model, data = open_run(folder)
    if not isinstance(model, AttentiveClassifier):
        raise RegardError(
            f"{folder}: a run of task {recipe.task}; one of classification, a classifier of images, is needed here"
        )
    return recipe, model, data


def open_run(folder: Path) -> tuple[Recipe, Model, DataSplits]:
    """Recipe, trained model in evaluation mode, and data of a finished run; executes nothing of what lies there."""
    recipe_path, model_path = folder / "recipe.yaml", folder / MODEL
    if not recipe_path.is_file():
        raise RegardError(f"{folder}: not a run folder (no recipe.yaml); `regard train` makes one")
    recipe = load_recipe(recipe_path)
    if not model_path.is_dir():
        raise RegardError(f"{folder}: this run is not finished; go on with `regard train --recipe {recipe_path}`")
    model = TASKS[recipe.task].model.from_pretrained(model_path).to(memory_format=torch.channels_last)  # much faster
    return recipe, model, build_data(recipe)


def load_best(folder: Path) -> AttentiveClassifier | None:
    """The model of the epoch with the highest validation accuracy, the first of equals, in evaluation mode.

    None where that is the last epoch, whose model `load_run` gives. What is reported of it was not chosen on test
    images, but its validation accuracy flatters it.

    Raises:
        RegardError: the run keeps no such checkpoint, or it is of another network.
    """
    model, path = AttentiveClassifier.from_pretrained(folder / MODEL), folder / BEST
    task = torch.nn.ModuleDict({"model": model})  # the names that a checkpoint of a `Task` holds
    check_checkpoint(path, task)
    held = torch.load(path, map_location="cpu", weights_only=True)
    if held["epoch"] == len(read_lines(folder / "metrics.jsonl")) - 1:
        return None
    task.load_state_dict(held["state_dict"])
    return model.eval().to(memory_format=torch.channels_last)


def claim(recipe: Recipe, folder: Path) -> None:
    """The folder belongs to one recipe; a second one with another content is an error, not an overwrite."""
    path = folder / "recipe.yaml"
    if path.exists():
        if load_recipe(path) != recipe:
            raise RegardError(
                f"{folder} holds a run of another recipe; give --name NEW, or remove the folder to start again"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    save_recipe(recipe, path)


def _fresh(folder: Path, name: str) -> str:
    """A name that is not taken: the engine empties the folder of a log that it goes on with."""
    taken = sum(1 for _ in folder.glob(f"{name}*"))
    return f"{name}-{taken}" if taken else name


def _trainer(recipe: Recipe, folder: Path, quiet: bool, batches: Batches) -> pl.Trainer:
    t = recipe.train
    keep = ModelCheckpoint(
        folder / "checkpoints", filename="{epoch:03d}", save_last=True, save_top_k=1, save_on_train_epoch_end=True
    )
    best = ModelCheckpoint(
        folder / "checkpoints",
        filename="best",
        monitor=f"val/{TASKS[recipe.task].monitor}",
        mode="max",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    callbacks: list[pl.Callback] = [Journal(folder / "metrics.jsonl"), keep, best]
    average = EMAWeightAveraging(decay=t.ema) if t.ema else None
    if asked_for(recipe.objective):
        callbacks.insert(0, BudgetCallback(batches.data.val, average))
    if average is not None:
        callbacks.insert(0, average)  # before what measures it
    if t.patience:
        callbacks.append(EarlyStopping(f"val/{TASKS[recipe.task].monitor}", mode="max", patience=t.patience))
    if not quiet:
        callbacks.append(Progress())
    loggers: list[Logger] = [CSVLogger(folder, name="", version=_fresh(folder, "logs"))]
    if t.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    return pl.Trainer(
        accelerator=t.accelerator,
        devices=t.devices,
        num_nodes=t.nodes,
        strategy="ddp" if t.devices * t.nodes > 1 else "auto",
        precision=t.precision,
        max_epochs=t.epochs,
        gradient_clip_val=recipe.optim.clip,
        callbacks=callbacks,
        plugins=[AtomicCheckpoints()],
        logger=loggers,
        default_root_dir=folder,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        log_every_n_steps=min(50, batches.steps_per_epoch),
    )
