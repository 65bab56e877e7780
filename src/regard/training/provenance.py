"""What makes a run repeatable: seeds, and the record of where and with what it was made."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("regard", "torch", "torchvision", "timm", "pytorch-lightning", "torchmetrics", "numpy")


def seed_everything(*key: int) -> None:
    """Seeds torch's generators, on every device, from a tuple of integers; regard draws from no other generator.

    A key says what the numbers are for, such as (seed, epoch, rank), so that a resumed run draws what an unbroken one
    would have drawn.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "little") >> 1)


def collect_provenance(seed: int) -> dict[str, Any]:
    """Command, commit, versions, hardware, the run's seed and the time, as ``environment.json`` holds them."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "command": shlex.join(["regard", *sys.argv[1:]]),
        "commit": _commit(),
        "versions": _versions(),
        "hardware": {
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpus": ", ".join(gpus) or "none",
        },
        "seed": seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    """Versions of Python and of packages; ``not installed`` for those that are absent."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _commit() -> str:
    """Of the source tree that runs; a wheel has none."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    return result.stdout.strip() or "unknown"


def _processor() -> str:
    """The processor's model name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
