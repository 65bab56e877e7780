"""CIFAR-10 on two cores: plain, AIB and quantized AIB, paired by seed: the same data order, augmentation and schedule.

    REGARD_DATA=... python benchmarks/cifar10_small.py [--seeds 5] [--runs runs/cifar10-small]

Cells run two at a time and resume; the table goes to results/cifar10_small.json. Nothing is chosen on test images:
the recipe was fixed beforehand, the last epoch is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from scipy import stats

from record import record

RECIPE = Path(__file__).parent.parent / "recipes" / "cifar10-small.yaml"
ARMS = {
    "plain": ["--model.attention", "null", "--model.latent", "null"],
    "aib": [],
    "aib, quantized": ["--model.anchors", "20"],
}


def train_cell(arm: str, seed: int, runs: Path, extra: list[str]) -> None:
    """Trains one cell in a process of its own, or finds it done."""
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(RECIPE), "--runs", str(runs), "--quiet"]
    command += ["--no-evaluation", "--name", cell_name(arm, seed), "--train.seed", str(seed)]
    subprocess.run([*command, *ARMS[arm], *extra], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def cell_name(arm: str, seed: int) -> str:
    """Folder of one cell."""
    return f"{arm.replace(', ', '-')}-{seed}"


def measure(folder: Path) -> dict[str, float]:
    """Test accuracy of the mean and of one sample, and one-sample bits."""
    from regard.evaluation import observe
    from regard.metrics import accuracy
    from regard.training import load_run

    recipe, model, data = load_run(folder)
    seen = observe(model, data.test, seed=recipe.train.seed)
    labels = data.test.labels
    row = {"accuracy_mean": float(accuracy(seen.mean, labels).mean())}
    if seen.one is not None:
        row["accuracy_one_sample"] = float(accuracy(seen.one, labels).mean())
    row |= {name: float(values.mean()) for name, values in seen.rates.items()}
    row["seconds"] = json.loads((folder / "environment.json").read_text())["seconds"]
    row["parameters"] = sum(p.numel() for p in model.parameters())
    return row


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % t interval over seeds."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return {"mean": mean}
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {"mean": mean, "low": mean - half, "high": mean + half}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs/cifar10-small"))
    options, extra = parser.parse_known_args()
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cifar10/cifar10_20k.zip")
    cells = [(arm, seed) for seed in range(options.seeds) for arm in ARMS]
    fresh, begin = not options.runs.exists(), time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda cell: train_cell(*cell, options.runs, extra), cells))
    minutes = (time.perf_counter() - begin) / 60
    torch.set_num_threads(2)
    table = {
        arm: [measure(options.runs / f"{arm.replace(', ', '-')}-{s}") for s in range(options.seeds)] for arm in ARMS
    }
    summary = {arm: {key: interval([row[key] for row in rows]) for key in rows[0]} for arm, rows in table.items()}
    paired = {
        f"{arm} minus plain": interval(
            [
                row["accuracy_mean"] - plain["accuracy_mean"]
                for row, plain in zip(table[arm], table["plain"], strict=True)
            ]
        )
        for arm in ARMS
        if arm != "plain"
    }
    path = record(
        "cifar10_small",
        {
            "minutes_of_all_trainings": minutes if fresh else None,
            "summary": summary,
            "paired_difference_of_accuracy": paired,
            "runs": table,
        },
        seeds=range(options.seeds),
        notes="15,000 training images of which a stratified part is validation; 5,000 test images; last epoch.",
    )
    print(json.dumps({"summary": summary, "paired": paired}, indent=1))
    print(path)


if __name__ == "__main__":
    main()
