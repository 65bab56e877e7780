"""What runs beside the training loop: the journal of epochs, patience."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from regard.files import write_atomically
from regard.reading import DataError, parse_json
from regard.training.layout import JOURNAL
from regard.training.recipe import Recipe
from regard.training.task import Task
from regard.training.tasks import TASKS


class Journal(pl.Callback):
    """Writes what an epoch measured; a resumed run drops the lines of epochs that it repeats."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin = time.perf_counter()

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Keeps the whole lines of the epochs that are done."""
        if trainer.is_global_zero and self.path.exists():
            kept = [line for line in read_lines(self.path) if line["epoch"] < trainer.current_epoch]
            write_atomically(self.path, "".join(json.dumps(line) + "\n" for line in kept))

    def on_train_epoch_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Starts the clock."""
        self._begin = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """One more line."""
        if not trainer.is_global_zero:
            return
        measured = {k: float(v) for k, v in trainer.callback_metrics.items() if "/" in k and not k.endswith("_step")}
        line: dict[str, Any] = {"epoch": trainer.current_epoch}
        line |= {k.removesuffix("_epoch"): v if math.isfinite(v) else None for k, v in measured.items()}
        line |= {name: getattr(task.weights, name) for name in ("beta", "map_beta", "code_beta", "kept_beta")}
        line["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        line["seconds"] = round(time.perf_counter() - self._begin, 3)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; one that a kill cut short is left out."""
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(parse_json(text))
        except DataError:
            break
    return lines


def history(run: Path, monitor: str = "accuracy") -> dict[str, Any]:
    """A run's journal in five numbers, with the validation score ``monitor`` by which epochs are compared.

    Returns:
        ``val_accuracy`` (the last epoch's ``monitor``, whatever that is), ``best_val_accuracy``, ``best_epoch``,
        ``epochs`` and ``seconds_an_epoch`` (median).
    """
    lines = read_lines(run / JOURNAL)
    scores = [line[f"val/{monitor}"] for line in lines]
    best = max(range(len(lines)), key=scores.__getitem__)
    return {
        "val_accuracy": scores[-1],
        "epochs": len(lines),
        "best_epoch": best,
        "best_val_accuracy": scores[best],
        "seconds_an_epoch": statistics.median(line["seconds"] for line in lines),
    }


def monitored(recipe: Recipe) -> tuple[str, Literal["max", "min"]]:
    """The validation score by which the epochs of a run are compared, and which way is better."""
    if recipe.train.monitor is not None:
        return recipe.train.monitor, "min"
    return TASKS[recipe.task].monitor, "max"


def first_candidate(recipe: Recipe) -> int:
    """The first epoch that may be kept as the best: the latent's budget holds after the warm-up, a map's at the end of
    an epoch by whose end it is closed.
    """
    o, epochs = recipe.objective, recipe.train.epochs
    latent = math.ceil(o.warmup * epochs) if o.budget_bits is not None else 0
    map_ = math.ceil(o.closed_from * epochs) - 1 if o.map_budget() else 0
    return min(max(latent, map_), epochs - 1)


class Patience(EarlyStopping):
    """Ends training when the score has not become better for ``patience`` epochs, counted from epoch ``first`` on."""

    def __init__(self, first: int, monitor: str, mode: Literal["max", "min"], patience: int) -> None:
        super().__init__(monitor, mode=mode, patience=patience, check_on_train_epoch_end=True)
        self.first = first

    def on_load_checkpoint(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Stops a resumed run that had stopped and was killed before it was complete."""
        state = checkpoint["callbacks"].get(self.state_key)
        if state is not None and state["wait_count"] >= self.patience:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        """Compares the epoch with the best one."""
        if trainer.current_epoch >= self.first:
            super().on_train_epoch_end(trainer, task)


def overfitted(lines: Sequence[Mapping[str, Any]], images: int) -> str | None:
    """A sentence where validation accuracy fell while training accuracy rose, by a run's journal; else None.

    It fell where the last epoch's is below the best by more than twice the standard error of their difference, taken
    as that of two shares of so many ``images``, and by more than .02.
    """
    scored = [line for line in lines if None not in (line.get("val/accuracy"), line.get("train/accuracy"))]
    if len(scored) < 2:
        return None
    best, last = max(scored, key=lambda line: line["val/accuracy"]), scored[-1]
    high, low = best["val/accuracy"], last["val/accuracy"]
    error = math.sqrt((high * (1 - high) + low * (1 - low)) / images)
    if high - low <= max(2 * error, 0.02) or last["train/accuracy"] <= best["train/accuracy"]:
        return None
    return (
        f"Validation accuracy fell from {high:.3f} (epoch {best['epoch'] + 1}) to {low:.3f} (epoch {last['epoch'] + 1})"
        f" while training accuracy rose from {best['train/accuracy']:.3f} to {last['train/accuracy']:.3f}: the network "
        "learns its training images by heart, or unlearns what it came with."
    )
