"""One's own photographs with no option but the folder and the backbone's name: the attended network, its plain twin and
the linear probe of the same pretrained network, on sets of `photograph_sets`.

Everything is chosen by ``regard train`` on training and validation images; test images are only reported. A set's seed
is ``--train.seed``, which draws the batches and the fresh weights, and the seed of the validation images.

    python benchmarks/own_photographs.py [birds_6x30 ...] [--seeds 5] [--runs runs/own_photographs]

Finished runs are not repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import ttest_1samp

from common import record, run_regard
from photograph_sets import FILLED, SETS

BACKBONE = "tf_efficientnet_lite0"
TARGETS = {
    "attended_minus_probe": "at least -.01 in every set, above 0 on average",
    "seconds": "below 300 for birds_6x30 on two cores",
    "own_minus_another": "interval clear of 0 where the object does not fill the image",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS), help=f"by default {', '.join(SETS)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs/own_photographs"))
    options = parser.parse_args()
    values: dict[str, Any] = {"targets": TARGETS, "backbone": BACKBONE, "filled": FILLED, "sets": {}}
    for name in options.sets:
        folder = options.runs / "sets" / name
        if not folder.exists():
            SETS[name](folder)
        seeds = [one(name, folder, options.runs, seed) for seed in range(options.seeds)]
        values["sets"][name] = {"seeds": seeds, "summary": summary(seeds)}
        print(name, json.dumps(values["sets"][name]["summary"]))
    gains = [line["attended"] - line["probe"] for each in values["sets"].values() for line in each["seeds"]]
    values["attended_minus_probe_on_average"] = float(np.mean(gains))
    notes = "accuracies on test images; intervals over seeds (t), of one seed none; seconds with twin, probe and report"
    print(record("own_photographs", values, seeds=range(options.seeds), notes=notes))


def one(name: str, folder: Path, runs: Path, seed: int) -> dict[str, Any]:
    """Scores of one run, which is trained and evaluated unless it is there."""
    run = runs / f"{name}-{seed}"
    fresh, begin = not (run / "evaluation.json").exists(), time.perf_counter()
    if fresh:
        fields = ["--data.name", "folder", "--data.root", folder, "--model.backbone", BACKBONE]
        fields += ["--train.seed", seed, "--data.options", f"{{seed: {seed}}}"] if seed else []
        run_regard("train", "--name", run.name, "--runs", runs, "--quiet", *fields)
        (run / "seconds.json").write_text(json.dumps(time.perf_counter() - begin))
    evaluation = json.loads((run / "evaluation.json").read_text())
    rows = {row["key"]: row for row in evaluation["scores"]}
    beside = {r["label"]: r["value"] for r in rows["accuracy_mean"]["references"]}
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    exchanged = rows.get("accuracy_another", {}).get("difference")
    return {
        "seed": seed,
        "attended": rows["accuracy_mean"]["value"],
        "one_sample": rows["accuracy_one_sample"]["value"],
        "twin": beside["plain twin"],
        "probe": beside["linear probe"],
        "gate_bits": rows["gate_bits"]["value"] if "gate_bits" in rows else None,
        "gate_bits_asked": recipe["objective"]["map_budget_bits"],
        "another_minus_own": exchanged,
        "best_epoch": best_epoch(run, recipe["train"]["monitor"]),
        "seconds": json.loads((run / "seconds.json").read_text()),
        "warnings": evaluation["warnings"],
    }


def best_epoch(run: Path, monitor: str | None) -> int:
    """The epoch whose weights were kept, of all, counted from 1."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    sign = -1 if monitor == "nll" else 1
    return max(range(len(lines)), key=lambda k: sign * lines[k][f"val/{monitor or 'accuracy'}"]) + 1


def summary(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the paired differences with their intervals."""
    means = {key: float(np.mean([line[key] for line in seeds])) for key in ("attended", "one_sample", "twin", "probe")}
    pairs = {f"attended_minus_{other}": [s["attended"] - s[other] for s in seeds] for other in ("probe", "twin")}
    if all(line["another_minus_own"] for line in seeds):
        pairs["own_minus_another"] = [-line["another_minus_own"]["value"] for line in seeds]
    return means | {name: paired(values) for name, values in pairs.items()}


def paired(differences: list[float]) -> dict[str, float | None]:
    """Mean over seeds and its t interval; None where one seed tells of no spread."""
    mean = float(np.mean(differences))
    if len(set(differences)) < 2:
        return {"value": mean, "low": None, "high": None}
    low, high = ttest_1samp(differences, 0).confidence_interval()
    return {"value": mean, "low": float(low), "high": float(high)}


if __name__ == "__main__":
    main()
