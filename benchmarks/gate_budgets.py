"""Does the gate keep its budget, learn from every seed, and cost nothing? Small clutter, six budgets, five seeds.

    python benchmarks/gate_budgets.py [--workers 2] [--runs runs/gate_budgets] [--seeds 5]

For every seed a plain network is trained for 3 epochs. From there go on, for 7 more epochs: the plain network ("plain,
continued", the twin) and a network with the gate at each budget. "plain, one schedule" learns for 10 epochs at once,
the best use of the same time without attention. All are compared on the same 2,000 test images. What is finished is
not run again.
"""

from __future__ import annotations

import json
import math
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from scipy.stats import t as student

from common import grid_options, record
from regard.evaluation import MEASURES, EvaluationContext
from regard.files import write_json
from regard.training import Recipe, load_run, override, plain_twin, train

BUDGETS = (250, 500, 1000, 2000, 4000, 8000)
START, MORE = 3, 7
SMALL = {
    "data.options": {"train": 4000, "distractors": 1},
    "train.batch_size": 16,
    "train.threads": 1,
    "train.accelerator": "cpu",
    "model.latent": None,
    "objective.budget_bits": None,
    "objective.open_until": 0.1,
    "objective.closed_from": 0.5,
    "objective.per_image": True,
    "train.mean_share": 0.25,
    "twin": False,
}
PLAIN, LONG = "plain, continued", "plain, one schedule"


def recipe_of(name: str, seed: int, folder: Path) -> Recipe:
    """The recipe of a cell: ``start``, `PLAIN`, `LONG`, or a budget in bits."""
    base = override(Recipe(), {**SMALL, "train.seed": seed, "train.epochs": MORE})
    base = replace(base, model=replace(base.model, init=None), train=replace(base.train, plain_epochs=0))
    plain = plain_twin(base)
    if name == "start":
        return replace(plain, train=replace(plain.train, epochs=START))
    if name == LONG:
        return replace(plain, train=replace(plain.train, epochs=START + MORE))
    model = replace(plain.model if name == PLAIN else base.model, init=str(folder / "start"))
    if name == PLAIN:
        return replace(plain, model=model)
    return replace(base, model=model, objective=replace(base.objective, map_budget_bits=float(name)))


def cell(name: str, seed: int, runs: Path) -> dict[str, Any]:
    """Trains and measures what is missing of a cell."""
    folder = runs / f"seed-{seed}"
    path = folder / name.replace(", ", "-").replace(" ", "-") / "cell.json"
    if path.exists():
        return json.loads(path.read_text())
    torch.set_num_threads(1)
    recipe = recipe_of(name, seed, folder)
    run = load_run(train(recipe, path.parent, quiet=True))
    context = EvaluationContext(run.model, run.data, seed, recipe=run.recipe, samples=(16,), fallback="grad_cam")
    measures = ["prediction"] if name in ("start", PLAIN, LONG) else ["prediction", "information", "localization"]
    values: dict[str, float] = {}
    for measure in measures:
        columns = MEASURES[measure](context)
        values |= columns.numbers | {key: float(x.nanmean()) for key, x in columns.items.items()}
    write_json(path, {"name": name, "seed": seed, "values": values}, indent=1)
    return json.loads(path.read_text())


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % interval over seeds (Student)."""
    mean, n = statistics.fmean(values), len(values)
    half = float(student.ppf(0.975, n - 1)) * statistics.stdev(values) / math.sqrt(n) if n > 1 else math.inf
    return {"value": mean, "low": mean - half, "high": mean + half}


def main() -> None:
    options = grid_options(__doc__, (), Path("runs/gate_budgets"))
    seeds = range(options.seeds)
    results: dict[tuple[str, int], dict[str, float]] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        starts = {seed: pool.submit(cell, "start", seed, options.runs) for seed in seeds}
        others = {}
        for seed in seeds:
            starts[seed].result()
            for name in (LONG, PLAIN, *map(str, BUDGETS)):
                others[name, seed] = pool.submit(cell, name, seed, options.runs)
        for key, future in others.items():
            results[key] = values = future.result()["values"]
            if "area_share" in values:
                values["energy_over_area"] = values["energy_inside_bits"] / values["area_share"]
            print(*key, {k: round(v, 4) for k, v in results[key].items() if k in SHOWN}, flush=True)
    print(record("gate_budgets", summary(results, seeds), seeds=seeds, notes=NOTES))


SHOWN = ("accuracy_mean", "accuracy_one_sample", "accuracy_16_samples", "gate_bits", "energy_over_area", "pointing")
NOTES = (
    "clutter, 4,000 training images, one distractor, batches of 16; 2,000 test images; intervals over seeds; "
    "differences are paired by seed; energy is of bits, over the share of the image that the object covers"
)


def summary(results: dict[tuple[str, int], dict[str, float]], seeds: range) -> dict[str, Any]:
    """Every cell, and per budget what the issue asks."""

    def accuracy(name: str, key: str = "accuracy_mean") -> list[float]:
        return [results[name, seed][key] for seed in seeds]

    table = {}
    for budget in BUDGETS:
        name = str(budget)
        own = accuracy(name)
        keys = [key for key in results[name, 0] if key in SHOWN]
        table[name] = {
            **{key: interval(accuracy(name, key)) for key in keys},
            "paid_over_asked": [results[name, seed]["gate_bits"] / budget for seed in seeds],
            "lowest_share_of_twin": min(a / b for a, b in zip(own, accuracy(PLAIN), strict=True)),
            f"minus {PLAIN}": interval([a - b for a, b in zip(own, accuracy(PLAIN), strict=True)]),
            f"minus {LONG}": interval([a - b for a, b in zip(own, accuracy(LONG), strict=True)]),
            "mean_minus_one_sample": interval(
                [a - b for a, b in zip(own, accuracy(name, "accuracy_one_sample"), strict=True)]
            ),
            "lowest": {key: min(accuracy(name, key)) for key in ("energy_over_area", "pointing")},
        }
    return {
        "plain": {name: interval(accuracy(name)) for name in (PLAIN, LONG)},
        "budgets": table,
        "cells": [{"name": name, "seed": seed, **values} for (name, seed), values in results.items()],
    }


if __name__ == "__main__":
    main()
