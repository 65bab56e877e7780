"""Loggers of experiments by name, through Lightning: what a run measures also goes to a service that one uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from regard.types import RegardError

_PROJECT = "regard"


def build_logger(name: str, folder: Path) -> Logger:
    """The logger of this name for a run's folder.

    ``tensorboard`` writes into the folder; ``wandb`` and ``mlflow`` go where their own environment variables say
    (``WANDB_MODE``, ``MLFLOW_TRACKING_URI``), MLflow's by default into ``mlflow`` in the folder.

    Raises:
        RegardError: no such name, or its package is not installed.

    >>> build_logger("notebook", Path("runs/x"))
    Traceback (most recent call last):
    regard.errors.RegardError: logger 'notebook': there are tensorboard, wandb, mlflow
    """
    if name not in _BUILD:
        raise RegardError(f"logger {name!r}: there are {', '.join(_BUILD)}")
    try:
        return _BUILD[name](folder)
    except ModuleNotFoundError as error:
        package = "regard[tensorboard]" if name == "tensorboard" else name
        raise RegardError(f"logger {name}: {error}; install it by `pip install {package}`") from None


def _mlflow(folder: Path) -> Logger:
    uri = os.environ.get("MLFLOW_TRACKING_URI") or (folder / "mlflow").resolve().as_uri()
    return MLFlowLogger(experiment_name=_PROJECT, run_name=folder.name, tracking_uri=uri)


_BUILD: Mapping[str, Callable[[Path], Logger]] = {
    "tensorboard": lambda folder: TensorBoardLogger(folder, name="", version="tensorboard"),
    "wandb": lambda folder: WandbLogger(project=_PROJECT, name=folder.name, save_dir=folder),
    "mlflow": _mlflow,
}
"""Name -> logger of a run's folder."""
