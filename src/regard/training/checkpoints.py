"""Checkpoints: the last epoch and the best one, each whole or absent, and none of weights that are not finite."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins import TorchCheckpointIO
from torch import nn

from regard.files import link_atomically, write_atomically
from regard.types import RegardError

LAST, BEST = "last.ckpt", "best.ckpt"


class Checkpoints(Checkpoint):
    """Writes ``last.ckpt`` after every epoch; after one that is the best so far, ``best.ckpt`` is made out of it.

    Which epoch is the best is written in ``last.ckpt``. A kill may leave the best epoch in ``last.ckpt`` and an older
    one in ``best.ckpt``; a resumed run finds that and makes ``best.ckpt`` before the next epoch.

    Args:
        folder: of both.
        first: the first epoch that may be the best.
        monitor: the score by which epochs are compared; the first of equals is the best.
        mode: which way is better.
    """

    def __init__(self, folder: Path, first: int, monitor: str, mode: Literal["max", "min"]) -> None:
        self.folder, self.first, self.monitor, self.mode = folder, first, monitor, mode
        self.best: tuple[int, float] | None = None
        self.ended = False
        """Whether training came to its end in this process."""

    def on_train_end(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        """Notes it: where a killed run had saved its last epoch, Lightning skips training with all that ends it."""
        self.ended = True

    def state_dict(self) -> dict[str, Any]:
        """The best epoch and its score."""
        return {} if self.best is None else {"epoch": self.best[0], "score": self.best[1]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        if state_dict:
            self.best = int(state_dict["epoch"]), float(state_dict["score"])

    def on_load_checkpoint(self, trainer: pl.Trainer, task: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Makes ``best.ckpt`` where a kill left none of the best epoch."""
        if self.state_key not in checkpoint["callbacks"]:
            self.best = self._earlier(checkpoint["callbacks"])
        else:
            self.load_state_dict(checkpoint["callbacks"][self.state_key])
        if self.best is not None and self.best[0] == checkpoint["epoch"] and trainer.is_global_zero:
            link_atomically(self.folder / LAST, self.folder / BEST)

    def on_train_epoch_end(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        """Saves the epoch."""
        epoch = trainer.current_epoch
        if epoch >= self.first:
            score = float(trainer.callback_metrics[self.monitor])
            if self.best is None or (score > self.best[1] if self.mode == "max" else score < self.best[1]):
                self.best = epoch, score
        trainer.save_checkpoint(self.folder / LAST)
        if self.best is not None and self.best[0] == epoch and trainer.is_global_zero:
            link_atomically(self.folder / LAST, self.folder / BEST)

    def _earlier(self, states: Mapping[str, Any]) -> tuple[int, float] | None:
        """The best epoch by a checkpoint of version 0.1, which kept it in Lightning's own callback."""
        for key, state in states.items():
            if key.startswith("ModelCheckpoint") and state.get("best_model_score") is not None:
                path = self.folder / BEST
                if path.is_file():
                    epoch = torch.load(path, map_location="cpu", weights_only=True)["epoch"]
                    return int(epoch), float(state["best_model_score"])
        return None


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside the checkpoint and renames. Lightning's own plugin goes through the system's temporary folder;
    where that is another file system, its last step is a copy that a kill can cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """All of the checkpoint, or an error and the one before it."""
        buffer = io.BytesIO()  # on a full disk torch's own file writer raises errors without a reason
        torch.save(checkpoint, buffer)
        room = "Make room (free space, quota, permissions) and give the same command again"
        write_atomically(path, buffer.getbuffer(), parents=True, remedy=f"the checkpoint before it is kept. {room}")


def check_checkpoint(path: Path, module: nn.Module) -> None:
    """Raises unless a file holds plain tensors that fit the module; nothing in it is executed.

    Raises:
        RegardError: a pickle with code, a file cut short, or weights of another network.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of what it then refuses
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        shapes = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()}
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise _refused(path, f"it cannot be read without executing code, or is cut short: {reason}") from error
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    wrong = sorted(name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name))
    if wrong:
        sizes = f"{wrong[0]} is {shapes.get(wrong[0], 'absent')}, not {wanted.get(wrong[0], 'absent')}"
        raise _refused(path, f"its weights are of another network: {len(wrong)} differ, such as {sizes}")


def _refused(path: Path, why: str) -> RegardError:
    return RegardError(f"{path}: no checkpoint of this run ({why}); remove the run's folder to start again")
