"""What it costs to say what observers reach: OSIE's 700 images x 15 observers, cross-fitted and by one Gaussian.

    REGARD_DATA=... python benchmarks/gaze_ceilings.py [--images 700] [--threads 2]

Cross-fitted: all metrics and bits. Leave-one-out: AUC, sAUC and NSS of 10,500 left-out observers; split-half: CC, SIM
and KL of three halvings an image. Sigma 15 px, 400x300. On a machine that does other work, too, read processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path

import torch

from common import record
from regard.gaze import cross_fitted, leave_one_observer_out, read_osie, split_half


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=700)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    root = Path(os.environ.get("REGARD_DATA", ""))
    if not (root / "osie").is_dir():
        sys.exit("set REGARD_DATA to the folder with osie/")
    torch.set_num_threads(arguments.threads)
    fixations = read_osie(root / "osie")
    fixations = fixations.select(images=fixations.images[: arguments.images])
    seconds = {}
    forms = {"cross_fitted": cross_fitted, "leave_one_out": leave_one_observer_out, "split_half": split_half}
    for name, ceiling in forms.items():
        start, cpu = time.perf_counter(), time.process_time()
        ceiling(fixations, sigma=15.0)
        seconds[name] = {"wall_s": time.perf_counter() - start, "processor_s": time.process_time() - cpu}
        print(name, seconds[name], flush=True)
    old = [seconds[name] for name in ("leave_one_out", "split_half")]
    whole = {unit: sum(part[unit] for part in old) for unit in ("wall_s", "processor_s")}
    values = {
        "images": arguments.images,
        "observers": len(fixations.subjects),
        **seconds,
        "both": whole,
        "load_average": os.getloadavg(),
    }
    values["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if arguments.images == 700:
        record("gaze_ceilings", values, notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
