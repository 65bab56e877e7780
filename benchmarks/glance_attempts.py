"""Three attempts to bring a glance within a point of the whole image, and one where half the resolution is too little.

    python benchmarks/glance_attempts.py [--seeds 2] [--workers 1] [--runs runs/glance_attempts]

Everything is as in `glance.py`, but for what an attempt changes:

    longer     9 epochs after the start instead of 3, of the plain network too
    finer      and patches of 8 pixels, so that a window has 49 places instead of 25; the glance sees half of the side
    several    and 12 random choices for each training image instead of 4
    coarse     longer, on images of 64 pixels, of whose digits half the resolution shows seven pixels a side

What is finished is not run again.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import glance
from common import grid_options, record
from gate_budgets import interval
from regard.data import TensorSplit, open_data
from regard.files import write_json
from regard.models import AttentiveClassifier
from regard.training import override, train_with_twin

EPOCHS = 9
COARSE = glance.DATA | {"size": 64, "side": [0.2, 0.22]}


@dataclass(frozen=True)
class Attempt:
    """What one attempt changes: options of the glance, the data, and the arms that are trained."""

    arms: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=lambda: glance.DATA)


ATTEMPTS = {
    "longer": Attempt(("whole", "crop", "masked")),
    "finer": Attempt(("crop", "masked"), {"patch": 8}),
    "several": Attempt(("crop",), {"patch": 8, "draws": 12}),
    "coarse": Attempt(("whole", "even", "masked", "crop"), {"patch": 8}, COARSE),
}


def cell(name: str, arm: str, seed: int, runs: Path) -> dict[str, float]:
    """Trains and tests what is missing of a cell."""
    attempt = ATTEMPTS[name]
    start = runs / f"start-{'coarse' if attempt.data is COARSE else 'usual'}-{seed}"
    folder = start if arm == "start" else runs / f"{name}-{arm}-{seed}"
    if not (path := folder / "cell.json").exists():
        torch.set_num_threads(1)
        began, data = time.process_time(), open_data("clutter", None, **attempt.data)
        shown = glance.halved if arm == "even" else lambda images: images
        assert isinstance(data.train, TensorSplit)
        data = replace(data, train=replace(data.train, images=shown(data.train.images)))
        recipe = override(glance.recipe(arm, seed, start), {"data.options": attempt.data})
        if arm != "start":
            recipe = replace(recipe, train=replace(recipe.train, epochs=EPOCHS))
        patch = glance.PATCH
        if arm in glance.ARMS:
            patch = attempt.options.get("patch", patch)
            options = recipe.model.attention_options | attempt.options
            recipe = replace(recipe, model=replace(recipe.model, attention_options=options))
        done = train_with_twin(recipe, folder, quiet=True, data=data).folder
        model = AttentiveClassifier.from_pretrained(done / "model").to(memory_format=torch.channels_last)
        values = glance.tested(model, data.test, shown, patch) | {"processor_seconds": time.process_time() - began}
        write_json(path, values)
        print(name, arm, seed, {key: round(value, 3) for key, value in values.items()}, flush=True)
    return json.loads(path.read_text())


def main() -> None:
    options = grid_options(__doc__, (), Path("runs/glance_attempts"), seeds=2)
    seeds, results = range(options.seeds), {}
    with ProcessPoolExecutor(options.workers) as pool:
        for seed in seeds:
            for kind in ("longer", "coarse"):
                pool.submit(cell, kind, "start", seed, options.runs).result()
            jobs = [(name, arm) for name, attempt in ATTEMPTS.items() for arm in attempt.arms]
            found = {job: pool.submit(cell, *job, seed, options.runs) for job in jobs}
            results |= {(*job, seed): future.result() for job, future in found.items()}
    values: dict[str, Any] = {}
    for name, attempt in ATTEMPTS.items():
        whole = "coarse" if attempt.data is COARSE else "longer"
        values[name] = {
            arm: {
                "accuracy": interval([results[name, arm, seed]["same"] for seed in seeds]),
                "minus_whole": interval(
                    [results[name, arm, seed]["same"] - results[whole, "whole", seed]["same"] for seed in seeds]
                ),
                "object_bought": interval([results[name, arm, seed].get("object_bought", 1.0) for seed in seeds]),
                "changed_by_other_pixels": sum(
                    results[name, arm, seed].get("changed_by_other_pixels", 0) for seed in seeds
                ),
            }
            for arm in attempt.arms
        }
    print(json.dumps(values, indent=1))
    notes = "as glance.json but for the attempts; intervals over two seeds are wide"
    print(record("glance_attempts", values, seeds=seeds, notes=notes))


if __name__ == "__main__":
    main()
