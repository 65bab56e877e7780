"""Where does attention under a budget pay? Accuracy minus that of a plain network of the same size, paired by seed.

    python benchmarks/when.py [images clutter labels budget] [--seeds 5] [--workers 2] [--runs runs/when]

One axis at a time around 4,000 generated images with one distractor, true labels, and 2,000 bits per image:

    images    250 to 12,000 images to learn from
    clutter   0 to 6 distractors
    labels    up to .4 of the training labels drawn anew
    budget    500 to 8,000 bits

A plain network learns for 3 epochs, and goes on for 7 with the gate. The other, plain and with as many parameters
(``model.match``), learns for 10 in one schedule, the best use of the same time. Fewer images are seen up to four times
as often. Both are tested on the test images, on these with their backgrounds exchanged, and on a background of a kind
that was never seen (smooth noise in colour). What is finished is not run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from common import accuracy, grid_options, record
from gate_budgets import MORE, SMALL, START, interval
from regard.data import DataSplits, TensorSplit, open_data
from regard.files import write_json
from regard.metrics import controls
from regard.models import AttentiveClassifier
from regard.training import Recipe, override, plain_twin, train_with_twin

BASE = {"images": 4000, "clutter": 1, "labels": 0.0, "budget": 2000}
AXES: dict[str, Sequence[float]] = {
    "images": (250, 1000, 4000, 12_000),
    "clutter": (0, 1, 3, 6),
    "labels": (0.0, 0.2, 0.4),
    "budget": (500, 2000, 8000),
}
ARMS = ("attended", "plain")
TESTS = ("same", "exchanged", "unseen")


def main() -> None:
    options = grid_options(__doc__, list(AXES), Path("runs/when"))
    seeds = range(options.seeds)
    settings = {(axis, value): BASE | {axis: value} for axis in options.names for value in AXES[axis]}
    with ProcessPoolExecutor(options.workers) as pool:
        cells = {
            (name_of(setting, arm), seed): pool.submit(cell, setting, arm, seed, options.runs)
            for seed in seeds
            for arm in ARMS
            for setting in settings.values()
        }
        results = {key: future.result() for key, future in cells.items()}
    values: dict[str, Any] = {}
    for (axis, value), setting in settings.items():
        own, other = ([results[name_of(setting, arm), seed] for seed in seeds] for arm in ARMS)
        line = {
            test: {
                "attended": interval([each[test] for each in own]),
                "plain": interval([each[test] for each in other]),
                "difference": interval([a[test] - b[test] for a, b in zip(own, other, strict=True)]),
            }
            for test in TESTS
        }
        values.setdefault(axis, {})[f"{value:g}"] = line
        print(axis, value, {test: [round(x, 3) for x in line[test]["difference"].values()] for test in TESTS})
    notes = "accuracies on 2,000 test images by the mean prediction; intervals over seeds, differences paired by seed"
    print(record("when", {"around": BASE, "axes": values}, seeds=seeds, notes=notes))


def name_of(setting: dict[str, float], arm: str) -> str:
    """A plain network has no budget, so that one serves all budgets."""
    named = setting if arm == "attended" else {axis: v for axis, v in setting.items() if axis != "budget"}
    return "-".join([arm, *(f"{axis}={value:g}" for axis, value in named.items())])


def cell(setting: dict[str, float], arm: str, seed: int, runs: Path) -> dict[str, float]:
    """Trains and tests what is missing: test -> accuracy."""
    folder = runs / f"{name_of(setting, arm)}-{seed}"
    if not (path := folder / "cell.json").exists():
        torch.set_num_threads(1)
        more = min(max(4000 / setting["images"], 1), 4)
        options = {"train": int(setting["images"]), "distractors": int(setting["clutter"])}
        common = {**SMALL, "data.options": options, "train.seed": seed, "model.init": None, "train.plain_epochs": 0}
        base = override(Recipe(), common)
        data = with_other_labels(open_data("clutter", None, **options), setting["labels"], seed)
        if arm == "plain":
            changes: dict[str, Any] = {"model.match": "parameters", "objective.map_budget_bits": None}
            model = trained(override(base, changes), (START + MORE) * more, folder, data)
        else:
            trained(plain_twin(base), START * more, folder / "start", data)
            changes = {"model.init": str(folder / "start"), "objective.map_budget_bits": float(setting["budget"])}
            model = trained(override(base, changes), MORE * more, folder / "run", data)
        write_json(path, {test: accuracy(model, data.test, change) for test, change in backgrounds(data.test)})
    return json.loads(path.read_text())


def trained(recipe: Recipe, epochs: float, folder: Path, data: DataSplits) -> AttentiveClassifier:
    """The network at the end of training."""
    recipe = replace(recipe, train=replace(recipe.train, epochs=round(epochs)))
    return AttentiveClassifier.from_pretrained(train_with_twin(recipe, folder, quiet=True, data=data).folder / "model")


def with_other_labels(data: DataSplits, share: float, seed: int) -> DataSplits:
    """The same data with a share of the training labels drawn anew, of all classes alike."""
    assert isinstance(data.train, TensorSplit)
    draw = torch.Generator().manual_seed(seed)
    labels, count = data.train.labels.clone(), len(data.train.classes)
    anew = torch.randperm(len(labels), generator=draw)[: round(share * len(labels))]
    labels[anew] = torch.randint(count, (len(anew),), generator=draw)
    return replace(data, train=replace(data.train, labels=labels))


def backgrounds(split: Any) -> Iterator[tuple[str, Callable[[Tensor, Tensor, Any], Tensor] | None]]:
    """Test -> (images, rows, batch) -> images on that background."""
    partner = controls.derangement(len(split), seed=0)

    def exchanged(images: Tensor, rows: Tensor, batch: Any) -> Tensor:
        return torch.where(batch.masks, images, split.batch(partner[rows]).images)

    def unseen(images: Tensor, rows: Tensor, batch: Any) -> Tensor:
        draws = [torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(int(row))) for row in rows]
        noise = F.interpolate(torch.stack(draws), images.shape[2:], mode="bicubic").clamp(0, 1)
        return torch.where(batch.masks, images, noise)

    yield "same", None
    yield "exchanged", exchanged
    yield "unseen", unseen


if __name__ == "__main__":
    main()
