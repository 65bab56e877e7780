"""Is learned attention more faithful than Grad-CAM, and than chance? LeRF minus MoRF on two data sets, several seeds.

    REGARD_DATA=... python benchmarks/learned_attention.py [--seeds 3] [--images 200] [--clutter runs/demo] \
        [--cifar runs/cifar10-small]

Networks are trained by the recipes (clutter.yaml with its plain twin; cifar10-small.yaml with the paper's residual
gate, with the noise gate at the bits a position that clutter.yaml asks for, and plain) or taken from the folders where
they are finished. Compared on the same test images:

* the learned map, on its own network;
* a random map with the learned one's values and bandwidth, on that network;
* Grad-CAM at the attended layer and at the last stage, on that network;
* the same on the plain network of the same seed, judged there: another network's probabilities fall along another
  curve, so this row compares systems, not maps.

Every image is explained for the class that the judged network predicts. Differences are paired by image and seed; their
intervals count both as samples (regard.experiments.stats.crossed_mean).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import ROOT, record, run_regard
from regard.experiments.stats import crossed_mean
from regard.explain import explain
from regard.metrics import Removal, controls, lerf_morf_gap
from regard.metrics.imputation import BASELINES
from regard.models import AttentiveClassifier
from regard.training import load_run
from regard.types import Map

LAYERS = {"attended layer": "stage1", "last stage": "stage3"}
PLAIN = ["--model.attention", "null", "--model.latent", "null"]
NOISE = ["--model.attention", "noise", "--objective.map_budget_bits", "2560"]
ARMS = {"clutter, noise gate": [], "cifar10_jpeg, noise gate": NOISE, "cifar10_jpeg, residual gate": []}


def trained(recipe: str, folder: Path, seed: int, *extra: str) -> Path:
    """A finished run, trained if need be."""
    if not (folder / "model").is_dir():
        name = ["--runs", folder.parent, "--name", folder.name, "--train.seed", seed, *extra]
        run_regard("train", "--recipe", ROOT / "src/regard/recipes" / recipe, "--quiet", "--no-evaluation", *name)
    return folder


def pairs(arm: str, clutter: Path, cifar: Path, seeds: int) -> list[tuple[Path, Path]]:
    """Attended and plain network of each seed."""
    if arm.startswith("clutter"):
        runs = [trained("clutter.yaml", Path(f"{clutter}-{s}") if s else clutter, s) for s in range(seeds)]
        return [(run, run / "twin") for run in runs]
    recipe, name = "cifar10-small.yaml", "noise" if ARMS[arm] else "aib"
    return [
        (trained(recipe, cifar / f"{name}-{s}", s, *ARMS[arm]), trained(recipe, cifar / f"plain-{s}", s, *PLAIN))
        for s in range(seeds)
    ]


def gaps(model: AttentiveClassifier, images: Tensor, maps: dict[str, Map], classes: Tensor) -> dict[str, Tensor]:
    """LeRF minus MoRF an image (N,), by baseline and map."""
    gap_of = {}
    for baseline in BASELINES:
        how = Removal(steps=10, baseline=baseline, batch_size=256)
        for name, map in maps.items():
            gap_of[f"{baseline}: {name}"] = lerf_morf_gap(model.predict, images, map, classes, removal=how).gap
    return gap_of


def one_seed(run: Path, plain: Path, count: int) -> dict[str, Tensor]:
    """Gaps of all maps on `count` test images, the same for every seed."""
    _, model, data = load_run(run)
    chosen = torch.randperm(len(data.test), generator=torch.Generator().manual_seed(0))[:count]
    images = data.test.batch(chosen).images
    classes = model.predict(images).argmax(1)
    attention = explain(model, images, "attention")
    maps = {"attention": attention, "random": controls.random_like(attention, index=torch.arange(count))}
    for words, layer in LAYERS.items():
        maps[f"Grad-CAM, {words}"] = explain(model, images, "grad_cam", target=classes, layer=layer)
    gap_of = gaps(model, images, maps, classes)
    _, twin, _ = load_run(plain)
    classes = twin.predict(images).argmax(1)
    maps = {
        f"Grad-CAM, {words}, plain network": explain(twin, images, "grad_cam", target=classes, layer=layer)
        for words, layer in LAYERS.items()
    }
    return gap_of | gaps(twin, images, maps, classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--clutter", type=Path, default=Path("runs/demo"))
    parser.add_argument("--cifar", type=Path, default=Path("runs/cifar10-small"))
    options = parser.parse_args()
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cifar10/cifar10_20k.zip")
    values: dict[str, Any] = {"images": options.images}
    for name in ARMS:
        seeds = [one_seed(*p, options.images) for p in pairs(name, options.clutter, options.cifar, options.seeds)]
        stacked = {key: torch.stack([s[key] for s in seeds]).double().numpy() for key in seeds[0]}
        rows = []
        for key, own in stacked.items():
            baseline, words = key.split(": ")
            row: dict[str, Any] = {"baseline": baseline, "map": words, "gap": interval(own)}
            if words != "attention":
                row["attention_minus_this"] = interval(stacked[f"{baseline}: attention"] - own)
            rows.append(row)
            print(name, row)
        values[name] = rows
    notes = (
        "gap: area under LeRF minus area under MoRF, 10 steps; 95 % intervals over seeds and images, both as samples"
    )
    record("learned_attention", values, seeds=range(options.seeds), notes=notes)


def interval(table: Any) -> dict[str, float]:
    """Mean over seeds and images with its interval."""
    estimate = crossed_mean(table)
    low, high = estimate.interval()
    return {"value": estimate.value, "low": low, "high": high}


if __name__ == "__main__":
    main()
