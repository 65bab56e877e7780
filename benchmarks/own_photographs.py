"""One's own photographs with no option but the folder and the backbone's name: the attended network, its plain twin and
the linear probe of the same pretrained network, on sets of `photograph_sets`.

Everything is chosen by ``regard train`` on training and validation images; test images are only reported. A set's seed
is ``--train.seed``, which draws the batches and the fresh weights, and the seed of the validation images. Seed 0 of
`TIMED` is trained, evaluated and reported as a user does it, alone on the machine, and timed; for the others the scores
of this table are computed and no page is written.

    python benchmarks/own_photographs.py [birds_6x30 ...] [--seeds 5] [--workers 2] [--runs runs/own_photographs]

Finished runs are not repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy.stats import ttest_1samp

from common import accuracy, grid_options, record, run_regard
from photograph_sets import FILLED, SETS
from regard.evaluation import MEASURES, EvaluationContext
from regard.files import write_json
from regard.models import AttentiveClassifier
from regard.training import load_run

BACKBONE = "tf_efficientnet_lite0"
TIMED = "birds_6x30"
TARGETS = {
    "attended_minus_probe": "at least -.01 in every set, above 0 on average",
    "seconds": "below 300 for birds_6x30 on two cores",
    "own_minus_another": "interval clear of 0 where the object does not fill the image",
}


def main() -> None:
    options = grid_options(__doc__, list(SETS), Path("runs/own_photographs"))
    values: dict[str, Any] = {"targets": TARGETS, "backbone": BACKBONE, "filled": FILLED, "sets": {}}
    for name in options.names:
        if not (folder := options.runs / "sets" / name).exists():
            SETS[name](folder)
    if TIMED in options.names:
        one(TIMED, options.runs, 0)
    with ProcessPoolExecutor(options.workers) as pool:
        every = {
            (name, seed): pool.submit(one, name, options.runs, seed)
            for seed in range(options.seeds)
            for name in options.names
        }
        for (name, seed), future in every.items():
            print(name, seed, future.result(), flush=True)
    for name in options.names:
        seeds = [every[name, seed].result() for seed in range(options.seeds)]
        values["sets"][name] = {"seeds": seeds, "summary": summary(seeds)}
        print(name, json.dumps(values["sets"][name]["summary"]))
    gains = [line["attended"] - line["probe"] for each in values["sets"].values() for line in each["seeds"]]
    values["attended_minus_probe_on_average"] = float(np.mean(gains))
    notes = "accuracies on test images; intervals over seeds (t), of one seed none; seconds with twin, probe and report"
    print(record("own_photographs", values, seeds=range(options.seeds), notes=notes))


def one(name: str, runs: Path, seed: int) -> dict[str, Any]:
    """Scores of one run, which is trained unless it is there."""
    torch.set_num_threads(1)
    run = runs / f"{name}-{seed}"
    if not (path := run / "scores.json").exists():
        timed = name == TIMED and seed == 0
        fields = ["--data.name", "folder", "--data.root", runs / "sets" / name, "--model.backbone", BACKBONE]
        fields += ["--train.seed", seed, "--data.options", f"{{seed: {seed}}}"] if seed else []
        begin = time.perf_counter()
        run_regard(
            "train", "--name", run.name, "--runs", runs, "--quiet", *fields, *([] if timed else ["--no-evaluation"])
        )
        seconds = time.perf_counter() - begin if timed else None
        write_json(path, {"seed": seed, "seconds": seconds, **scores(run, seed)}, indent=1)
    return json.loads(path.read_text())


def scores(folder: Path, seed: int) -> dict[str, Any]:
    """Of the network, its twin and its probe, on the test images."""
    run = load_run(folder)
    context = EvaluationContext(run.model, run.data, seed, recipe=run.recipe)
    columns = MEASURES["prediction"](context)
    exchanged = MEASURES["interventions"](context).items
    own, another = exchanged["accuracy_own_map"], exchanged["accuracy_another_map"]
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    bits = MEASURES["information"](context).items["gate_bits"]
    return {
        "attended": float(columns.items["accuracy_mean"].mean()),
        "one_sample": float(columns.items["accuracy_one_sample"].mean()),
        "twin": accuracy(load_run(folder / "twin").model, run.data.test),
        "probe": accuracy(AttentiveClassifier.from_pretrained(folder / "probe" / "model"), run.data.test),
        "gate_bits": float(bits.mean()),
        "gate_bits_asked": recipe["objective"]["map_budget_bits"],
        "own_minus_another": float(own.mean() - another.mean()),
    }


def summary(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the paired differences with their intervals."""
    means = {key: float(np.mean([line[key] for line in seeds])) for key in ("attended", "one_sample", "twin", "probe")}
    pairs = {f"attended_minus_{other}": [s["attended"] - s[other] for s in seeds] for other in ("probe", "twin")}
    pairs["own_minus_another"] = [line["own_minus_another"] for line in seeds]
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
