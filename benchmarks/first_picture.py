"""How long `regard try` takes from the command to the page: one own photograph, and the two that come along.

Each is a fresh process, as a user starts it: imports, the network, Grad-CAM, IBA, the page. Wall time depends on what
else the machine does, so processor time of the process is recorded beside it, and the load average.

    python benchmarks/first_picture.py [--repeats 3]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from common import record, run_regard

TARGET = 60.0


def measured(*arguments: object) -> tuple[float, float]:
    """Wall and processor seconds of one command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run_regard(*arguments)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    values: dict[str, Any] = {"target_seconds": TARGET, "load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.jpg"
        Image.effect_noise((1600, 1200), 60).convert("RGB").save(own)
        for name, images in (("own_photograph", [own]), ("two_that_come_along", [])):
            runs = [measured("try", *images, "--out", Path(folder) / name) for _ in range(repeats)]
            wall, processor = zip(*runs, strict=True)
            values[name] = {
                "wall_seconds": statistics.median(wall),
                "slowest_wall_seconds": max(wall),
                "processor_seconds": statistics.median(processor),
            }
    values["met"] = values["own_photograph"]["slowest_wall_seconds"] <= TARGET
    notes = f"medians of {repeats} fresh processes each; the first may read the packages from the disk"
    record("first_picture", values, notes=notes)


if __name__ == "__main__":
    main()
