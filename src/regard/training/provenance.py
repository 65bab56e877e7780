"""Where and with what a run was made."""

from __future__ import annotations

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

PACKAGES = ("regard", "torch", "torchvision", "timm", "pytorch-lightning", "torchmetrics", "numpy")


def environment(seed: int) -> dict[str, Any]:
    """Command, commit, versions, hardware, seed and time, as ``environment.json`` has them."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "command": shlex.join(["regard", *sys.argv[1:]]),
        "commit": _commit(),
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """Of the source tree that runs; a wheel has none."""
    here = Path(__file__).parent
    try:
        describe = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        done = subprocess.run(describe, cwd=here, capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
