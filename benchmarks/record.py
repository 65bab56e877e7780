"""Writes what a benchmark measured to ``results/NAME.json``, with all that is needed to repeat it.

From a script next to this file::

    from record import record
    record("augmentation", {"ratio": 7.2}, seeds=(0, 1, 2), notes="batch 128")

The file holds the command, the commit (and whether the working tree differed from it), the versions of Python and of
the packages that decide speed and numbers, the hardware, the time, the seeds, the notes and the values. A value that
JSON does not know (a tensor, a numpy number, a path) is converted; NaN and infinities are written as null.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from regard.files import write_json

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("regard", "torch", "torchvision", "timm", "pytorch-lightning", "torchmetrics", "captum", "numpy", "pillow")


def record(name: str, values: Mapping[str, Any], *, seeds: Iterable[int] = (), notes: str = "") -> Path:
    """Write ``results/NAME.json`` (replacing it in one step) and return its path.

    Args:
        name: file name without ending, e.g. ``"augmentation"``.
        values: what was measured; nested mappings and sequences are kept.
        seeds: all seeds that went into the values.
        notes: what a reader must know to read the numbers: units, settings, caveats.
    """
    out = ROOT / "results" / f"{name}.json"
    out.parent.mkdir(exist_ok=True)
    content = {
        "name": name,
        "command": command(),
        **commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": hardware(),
        "seeds": list(seeds),
        "notes": notes,
        "values": plain(values),
    }
    return write_json(out, content, indent=2)


def command() -> str:
    """The command line without the machine's folders: paths from the project's root on, others by their name."""
    return shlex.join(["python", *(_without_folders(argument) for argument in sys.argv)])


def _without_folders(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def commit() -> dict[str, Any]:
    """Commit and whether tracked files differ from it, result files apart; None outside a git checkout."""

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def versions() -> dict[str, str]:
    """Python and the installed ones among ``PACKAGES``."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, usable cores, memory, threads that torch uses, and the accelerators."""
    import torch

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return {
        "cpu": model,
        "cores": cores,
        "memory_gib": memory,
        "torch_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())],
        "platform": platform.platform(),
    }


def plain(value: Any) -> Any:
    """The same value in JSON's types."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
