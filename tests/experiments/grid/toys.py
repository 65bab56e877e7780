"""Cells that take no time, fail, sleep, or die."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from regard.experiments.grid import Cell, Result, cell_path


def toy(arm: str, seed: int = 0, work: str = "add", **spec: Any) -> Cell:
    return Cell(cell_path(arm, seed), arm, seed, f"tests.experiments.grid.toys:{work}", spec)


def add(cell: Cell, folder: Path) -> Result:
    """Counts its calls in a file; returns a sum of its spec and seed, and environment variables."""
    with (folder / "done.txt").open("a") as file:
        file.write("x")
    environment = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
    return Result({"sum": cell.spec.get("a", 0) + cell.seed, **environment}, {"image": np.arange(3) + cell.seed})


def fail(cell: Cell, folder: Path) -> Result:
    if (folder / "repaired").exists():
        return Result({"sum": 1})
    raise ValueError(f"bad luck of {cell.arm}")


def die(cell: Cell, folder: Path) -> Result:
    """Killed halfway the first time; resumed from its checkpoint the second."""
    checkpoint = folder / "checkpoint"
    if not checkpoint.exists():
        checkpoint.write_text("5")
        print("half done", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return Result({"steps": int(checkpoint.read_text()) + 5})


def crash(cell: Cell, folder: Path) -> Result:
    """Ends without an exception, every time."""
    with (folder / "begun.txt").open("a") as file:
        file.write("x")
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.Signals[cell.spec["by"]])
    return Result()


def sleep(cell: Cell, folder: Path) -> Result:
    (folder / "begun").write_text(str(os.getpid()))
    time.sleep(cell.spec["seconds"])
    return Result()


def not_finite(cell: Cell, folder: Path) -> Result:
    return Result({"value": float("nan")})
