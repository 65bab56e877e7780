"""Lightning's Trainer for a run: its callbacks, logs and precision, and what it needs around it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import EMAWeightAveraging
from pytorch_lightning.loggers import CSVLogger, Logger

from regard.training.batches import Batches
from regard.training.budgets import BudgetSearch, has_budget
from regard.training.calibration import CalibrationCallback, calibrates
from regard.training.callbacks import Journal, Patience, first_candidate, monitored
from regard.training.checkpoints import AtomicCheckpoints, Checkpoints
from regard.training.divergence import DivergenceGuard
from regard.training.layout import CHECKPOINTS, JOURNAL
from regard.training.loggers import build_logger
from regard.training.progress import ProgressBar, build_progress
from regard.training.ranks import cluster, processes
from regard.training.task import Task
from regard.types import RegardError


@dataclass(frozen=True)
class Watch:
    """What watches a run; nothing of it changes the result.

    Attributes:
        quiet: shows no progress.
        callbacks: Lightning's, called after the run's own.
        loggers: Lightning's, or their names (`build_logger`).
        verbose: shows every batch, and what Lightning says.
    """

    quiet: bool = False
    callbacks: Sequence[pl.Callback] = ()
    loggers: Sequence[Logger | str] = ()
    verbose: bool = False


def build_trainer(task: Task, folder: Path, batches: Batches, watch: Watch) -> pl.Trainer:
    """The trainer of a task that keeps its checkpoints and logs in a folder.

    Raises:
        RegardError: this machine lacks the accelerator, the devices or the precision.
    """
    recipe, t = task.recipe, task.recipe.train
    score, mode = monitored(recipe)
    monitor, first, checkpoints = f"val/{score}", first_candidate(recipe), folder / CHECKPOINTS
    average = EMAWeightAveraging(decay=t.ema) if t.ema else None
    callbacks = [
        DivergenceGuard(recipe, monitor),  # before all that uses what has diverged
        average,  # before the callbacks that measure it
        CalibrationCallback(batches.data.train, batches.data.val) if calibrates(task.model) else None,
        BudgetSearch(batches.data.val, average) if has_budget(recipe.objective) else None,
        Journal(folder / JOURNAL),
        Checkpoints(checkpoints, first, monitor, mode),
        Patience(first, monitor, mode, t.patience) if t.patience else None,
        None if watch.quiet else build_progress(verbose=watch.verbose),
        *watch.callbacks,
    ]
    runs = sum(1 for _ in folder.glob("logs*"))  # Lightning empties the folder of a log that it goes on with
    loggers: list[Logger] = [CSVLogger(folder, name="", version=f"logs-{runs}" if runs else "logs")]
    names = [*(["tensorboard"] if t.tensorboard else []), *(name for name in watch.loggers if isinstance(name, str))]
    loggers += [build_logger(name, folder) for name in dict.fromkeys(names)]
    loggers += [logger for logger in watch.loggers if isinstance(logger, Logger)]
    try:
        return _engine(task, folder, batches, callbacks, loggers)
    except (MisconfigurationException, ModuleNotFoundError) as error:
        reason = " ".join(str(error).split())
        raise RegardError(
            f"train.accelerator {t.accelerator}, train.devices {t.devices}, train.precision {t.precision}: this "
            f"machine cannot ({reason[:200]}); --train.accelerator auto takes what there is"
        ) from error


def _engine(
    task: Task,
    folder: Path,
    batches: Batches,
    callbacks: Sequence[pl.Callback | None],
    loggers: Sequence[Logger],
) -> pl.Trainer:
    recipe, t = task.recipe, task.recipe.train
    return pl.Trainer(
        accelerator=t.accelerator,
        devices=t.devices,
        num_nodes=t.nodes,
        strategy="ddp" if processes(recipe) > 1 else "auto",
        precision=t.precision,
        max_epochs=t.epochs,
        accumulate_grad_batches=t.accumulate,
        limit_train_batches=t.limit_train_batches,
        limit_val_batches=t.limit_val_batches,
        gradient_clip_val=recipe.optim.clip,
        callbacks=[callback for callback in callbacks if callback is not None],
        plugins=[AtomicCheckpoints(), cluster(recipe)],
        logger=list(loggers),
        default_root_dir=folder,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        log_every_n_steps=min(50, batches.batches_per_epoch),
    )


def silence_engine(*, frozen: bool, verbose: bool = False) -> None:
    """Hides Lightning's tips, unless ``verbose``, and the warnings that a resumed run and frozen layers provoke."""
    for engine in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(engine).setLevel(logging.INFO if verbose else logging.WARNING)
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
    if frozen:  # frozen layers stay in evaluation mode, as they should
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode", category=UserWarning)


def complete_training(trainer: pl.Trainer, task: Task) -> None:
    """Does what ends training, where a killed run had saved its last epoch: Lightning then skips training altogether.

    The average takes the weights' place, and budgets are checked.
    """
    if any(isinstance(callback, Checkpoints) and callback.ended for callback in trainer.callbacks):  # type: ignore[attr-defined]
        return
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EMAWeightAveraging | BudgetSearch):
            callback.on_train_end(trainer, task)
