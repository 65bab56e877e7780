"""What the features of networks trained on CIFAR-10 are worth on other data, frozen: arms of a table, paired by seed.

    regard table cifar10 --workers 2 --seeds 5 --only plain --only "plain, matched" --only AIB
    REGARD_DATA=... python benchmarks/cross_domain.py [--table runs/cifar10] [--data digits cub] [--seeds 5]

Logistic regression on each run's features by `regard transfer`; an image's value is the share of draws that get it
right. Differences are paired by seed and image, intervals count both as samples, P values are corrected (Holm) for the
number of comparisons. Which sets, arms and examples a class are asked was fixed before any was looked at.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from record import record
from regard.experiments.grid import cell_path
from regard.experiments.tables.table import holm, mean_of, plain, two_sided

SHOTS = {"20": "20", "all": "all"}
ARMS = ("plain", "plain, matched", "AIB")
TARGET = "AIB minus plain clear of zero on at least one set, and the same against the plain network of its size"


def hits(run: Path, data: str, draws: int) -> dict[str, dict[str, np.ndarray]]:
    """Kind -> examples a class -> share of draws that are right, an image (N,); what is there is not made again."""
    command = [sys.executable, "-m", "regard", "transfer", "--run", str(run), "--data", data]
    if not (run / "transfer" / data / "transfer.json").exists():
        subprocess.run(
            [*command, "--shots", ",".join(SHOTS), "--draws", str(draws), "--json"], check=True, stdout=sys.stderr
        )
    found: dict[str, dict[str, np.ndarray]] = {}
    for kind in ("network", "untrained", "pixels"):
        for shots in SHOTS:
            with np.load(run / "transfer" / data / "cells" / f"{kind}-{shots}.npz") as held:
                found.setdefault(kind, {})[shots] = held["hits"].mean(0)
    return found


def compared(runs: dict[str, list[Path]], data: str, draws: int) -> dict[str, Any]:
    """Accuracies of every arm, floors, and what each arm has over the others before it."""
    known = {arm: [hits(run, data, draws) for run in found] for arm, found in runs.items()}
    result: dict[str, Any] = {}
    pairs = [(second, first) for i, first in enumerate(runs) for second in list(runs)[i + 1 :]]
    for shots in SHOTS:
        values = {arm: np.stack([one["network"][shots] for one in found]) for arm, found in known.items()}
        floors = {
            kind: float(np.mean([one[kind][shots] for found in known.values() for one in found]))
            for kind in ("untrained", "pixels")
        }
        differences = [mean_of(values[a] - values[b]) for a, b in pairs]
        corrected = holm([two_sided(d) for d in differences])
        result[shots] = {
            "accuracy": {arm: plain(mean_of(array)) for arm, array in values.items()},
            "floors": floors,
            "differences": [
                {"arm": a, "minus": b} | plain(d) | {"p_holm": p}
                for (a, b), d, p in zip(pairs, differences, corrected, strict=True)
            ],
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=Path("runs/cifar10"), help="a table's folder of runs")
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--data", nargs="+", default=["digits", "cub"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    seeds = range(options.seeds)
    runs = {arm: [options.table / cell_path(arm, seed) / "run" for seed in seeds] for arm in options.arms}
    found = {data: compared(runs, data, options.draws) for data in options.data}
    notes = f"{options.draws} draws of 20 examples a class, one of all; images resized to 32 pixels; target: {TARGET}"
    print(record("cross_domain", found, seeds=seeds, notes=notes))


if __name__ == "__main__":
    main()
