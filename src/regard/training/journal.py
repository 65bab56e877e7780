"""A run's diary: one JSON object a line in ``metrics.jsonl``, one line an epoch."""

from __future__ import annotations

import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from regard.training.priced import PRICED
from regard.training.task import Task


class Journal(pl.Callback):
    """Writes what an epoch measured; a resumed run drops the lines of epochs that it repeats."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin = time.perf_counter()

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Keeps the whole lines of the epochs that are done."""
        if trainer.is_global_zero and self.path.exists():
            kept = [line for line in read_lines(self.path) if line["epoch"] < trainer.current_epoch]
            self.path.write_text("".join(json.dumps(line) + "\n" for line in kept))

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
        line |= {priced.weight: getattr(task.weights, priced.weight) for priced in PRICED}
        line["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        line["seconds"] = round(time.perf_counter() - self._begin, 3)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; one that a kill cut short is left out."""
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def history(run: Path, monitor: str = "accuracy") -> dict[str, Any]:
    """What a run's diary says of the whole of it: ``val_accuracy`` is the last validation's ``monitor``, whatever that
    is; beside it ``epochs``, ``best_epoch``, ``best_val_accuracy`` and ``seconds_an_epoch`` (median).
    """
    lines = read_lines(run / "metrics.jsonl")
    scores = [line[f"val/{monitor}"] for line in lines]
    best = max(range(len(lines)), key=scores.__getitem__)
    return {
        "val_accuracy": scores[-1],
        "epochs": len(lines),
        "best_epoch": best,
        "best_val_accuracy": scores[best],
        "seconds_an_epoch": statistics.median(line["seconds"] for line in lines),
    }
