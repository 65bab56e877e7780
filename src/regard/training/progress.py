"""What a run shows of its training: a bar on a terminal; elsewhere, as in a file, few lines."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar

from regard.report import duration, plural

FIRST = 5
"""Steps after which the length of the run is told."""
_APART = 30.0
"""Seconds between lines within an epoch."""


def build_progress(*, verbose: bool = False) -> pl.Callback:
    """A bar where standard error is a terminal, else lines; a line for every batch if ``verbose``."""
    if verbose:
        return ProgressLines(0.0)
    return ProgressBar() if sys.stderr.isatty() else ProgressLines()


def _steps_per_epoch(trainer: pl.Trainer) -> int:
    """Of this process; a step may be of several batches."""
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


class _Clock:
    """Time and steps since training began here.

    Args:
        trainer: at the start of training, perhaps in the middle of a resumed run.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        self._begin, self._first = time.monotonic(), trainer.global_step

    def steps(self, trainer: pl.Trainer) -> int:
        """Steps that were done here."""
        return trainer.global_step - self._first

    def per_step(self, trainer: pl.Trainer) -> float:
        """Seconds of a step so far, validation included."""
        return (time.monotonic() - self._begin) / max(self.steps(trainer), 1)

    def left(self, trainer: pl.Trainer) -> str:
        """How long the remaining epochs take at this pace."""
        steps = int(trainer.estimated_stepping_batches) - trainer.global_step
        return duration(self.per_step(trainer) * max(steps, 0))

    def length(self, trainer: pl.Trainer) -> str:
        """How much is to be done, and how long it will take."""
        steps = _steps_per_epoch(trainer)
        epochs = plural((trainer.max_epochs or 0) - trainer.current_epoch, "epoch")
        pace = f"{self.per_step(trainer):.2g} s a step"
        return f"training: {epochs} of {plural(steps, 'step')}, about {self.left(trainer)} ({pace}, by the first ones)"


class ProgressBar(TQDMProgressBar):
    """Lightning's bar without its version number; after a few steps it tells how long the run will take."""

    def __init__(self) -> None:
        super().__init__()
        self._clock: _Clock | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        super().on_train_start(trainer, pl_module)
        self._clock = _Clock(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tells the length of the run once."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._clock is not None and self._clock.steps(trainer) >= min(FIRST, _steps_per_epoch(trainer)):
            self.print(self._clock.length(trainer))
            self._clock = None

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Loss and bits of the batch, accuracy of the last validation."""
        items = super().get_metrics(trainer, pl_module)
        return {key.removeprefix("val/"): value for key, value in items.items() if key != "v_num"}


class ProgressLines(pl.Callback):
    """A first line with the length of the run, one for every epoch, and one every half minute within long epochs.

    Args:
        apart: seconds between lines within an epoch; half a minute by default.
    """

    def __init__(self, apart: float | None = None) -> None:
        self._apart = _APART if apart is None else apart

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clocks."""
        self._clock, self._told, self._last = _Clock(trainer), False, time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The first line, and those within an epoch."""
        if not self._told and self._clock.steps(trainer) >= min(FIRST, _steps_per_epoch(trainer)):
            self._told = True
            self._print(trainer, self._clock.length(trainer))
        elif time.monotonic() - self._last >= self._apart:
            place = f"batch {batch_idx + 1} of {trainer.num_training_batches}"
            self._print(trainer, f"{self._epoch(trainer)}, {place}: {self._state(trainer)}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The line of an epoch, after its validation."""
        self._print(trainer, f"{self._epoch(trainer)}: {self._state(trainer)}")

    def _epoch(self, trainer: pl.Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"

    def _state(self, trainer: pl.Trainer) -> str:
        """Loss, bits and validation's scores, and the time left."""
        shown = {key.removeprefix("val/"): float(value) for key, value in trainer.progress_bar_metrics.items()}
        numbers = ", ".join(f"{key} {value:.4g}" for key, value in shown.items() if key != "v_num")
        return f"{numbers}; {self._clock.left(trainer)} left"

    def _print(self, trainer: pl.Trainer, line: str) -> None:
        self._last = time.monotonic()
        if trainer.is_global_zero:
            print(f"regard: {line}", file=sys.stderr, flush=True)
