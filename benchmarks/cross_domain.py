"""What the features of networks trained on CIFAR-10 are worth on other data, frozen: arms of a table, paired by seed.

    regard table cifar10 --workers 2 --seeds 5 --only plain --only "plain, matched" --only AIB
    REGARD_DATA=... python benchmarks/cross_domain.py [--table runs/cifar10] [--data digits cub] [--seeds 5]

Logistic regression on each run's features by `regard transfer`; an image's value is the share of draws that get it
right. Differences are paired by seed and image, intervals count both as samples, P values are corrected (Holm) for the
number of comparisons. Which sets, arms and examples a class are asked was fixed before any was looked at.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from common import record, run_regard
from regard.experiments.grid import cell_path
from regard.experiments.stats import Estimate
from regard.experiments.tables import difference_p, mean_over_runs
from regard.metrics import corrected

SHOTS = {"20": "20", "all": "all"}
ARMS = ("plain", "plain, matched", "AIB")
TARGET = "AIB minus plain clear of zero on at least one set, and the same against the plain network of its size"


def hits(run: Path, data: str, draws: int) -> dict[str, dict[str, np.ndarray]]:
    """Kind -> examples per class -> share of right draws per image (N,); finished results are not made again."""
    if not (run / "transfer" / data / "transfer.json").exists():
        limits = ["--shots", ",".join(SHOTS), "--draws", draws, "--json"]
        run_regard("transfer", "--run", run, "--data", data, *limits, stdout=sys.stderr)
    of_kind: dict[str, dict[str, np.ndarray]] = {}
    for kind in ("network", "untrained", "pixels"):
        for shots in SHOTS:
            with np.load(run / "transfer" / data / "cells" / f"{kind}-{shots}.npz") as arrays:
                of_kind.setdefault(kind, {})[shots] = arrays["hits"].mean(0)
    return of_kind


def compared(runs: dict[str, list[Path]], data: str, draws: int) -> dict[str, Any]:
    """Accuracies of every arm, floors, and differences from the arms before it."""
    hits_of = {arm: [hits(run, data, draws) for run in folders] for arm, folders in runs.items()}
    result: dict[str, Any] = {}
    pairs = [(second, first) for i, first in enumerate(runs) for second in list(runs)[i + 1 :]]
    for shots in SHOTS:
        values = {arm: np.stack([seed["network"][shots] for seed in seeds]) for arm, seeds in hits_of.items()}
        floors = {
            kind: float(np.mean([seed[kind][shots] for seeds in hits_of.values() for seed in seeds]))
            for kind in ("untrained", "pixels")
        }
        differences = [mean_over_runs(values[a] - values[b]) for a, b in pairs]
        p_values = corrected([difference_p(d) for d in differences])
        result[shots] = {
            "accuracy": {arm: numbers(mean_over_runs(array, share=True)) for arm, array in values.items()},
            "floors": floors,
            "differences": [
                {"arm": a, "minus": b} | numbers(d) | {"p_holm": p}
                for (a, b), d, p in zip(pairs, differences, p_values, strict=True)
            ],
        }
    return result


def numbers(estimate: Estimate) -> dict[str, Any]:
    """Value, interval and the number of seeds."""
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "seeds", "left_out")}


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
    values = {data: compared(runs, data, options.draws) for data in options.data}
    notes = f"{options.draws} draws of 20 examples a class, one of all; images resized to 32 pixels; target: {TARGET}"
    print(record("cross_domain", values, seeds=seeds, notes=notes))


if __name__ == "__main__":
    main()
