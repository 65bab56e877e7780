"""Checkpoints that are whole or absent, and that are looked at before they are believed."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO
from torch import nn

from regard.types import RegardError


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside the checkpoint and renames. The engine's own goes through the system's temporary folder; where that
    is another file system, its last step is a copy that a kill can cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """All of the checkpoint, or an error and the one before it."""
        target = Path(path)
        part = target.with_name(target.name + ".part")
        held = io.BytesIO()
        torch.save(checkpoint, held)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(held.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise RegardError(
                f"{target}: the checkpoint could not be written ({error.strerror}); the one before it is kept. Make "
                "room (free space, quota, permissions) and give the same command again"
            ) from error


def check_checkpoint(path: Path, module: nn.Module) -> None:
    """Raises unless a file holds plain tensors that fit the module; nothing in it is executed.

    Raises:
        RegardError: a pickle with code, a file cut short, or weights of another network.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of what it then refuses
            held = torch.load(path, map_location="cpu", weights_only=True)
        found = {name: tuple(value.shape) for name, value in held["state_dict"].items()}
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise _refused(path, f"it cannot be read without executing code, or is cut short: {reason}") from error
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if wrong:
        name = wrong[0]
        sizes = f"{name} is {found.get(name, 'absent')}, not {wanted.get(name, 'absent')}"
        raise _refused(path, f"its weights are of another network: {len(wrong)} differ, such as {sizes}")


def _refused(path: Path, why: str) -> RegardError:
    return RegardError(f"{path}: no checkpoint of this run ({why}); remove the run's folder to start again")
