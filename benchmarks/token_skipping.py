"""What a vision transformer saves by leaving out the tokens that its map closes, and what it costs in accuracy.

Trained: the recipe vit-clutter at some layers and kept shares, and once its plain twin, which is the full network of
all of them. Every run is timed on test images, in batches, tokens dropped, beside the twin and beside itself with
tokens masked only; accuracies are of the same images, by the mean map, by one random map, and, as a control, with as
many patches at random places. Untrained: vit_tiny at 224 pixels with given maps of exactly so many open patches, where
only time is of interest. Networks take turns, in an order that alternates; a ratio is of medians.

    python benchmarks/token_skipping.py [--cells blocks.0:0.3 ...] [--batches 1 16 64] [--runs runs/token_skipping]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import ROOT, record, run_regard, seconds_in_turns
from regard.metrics import accuracy, area_share, energy_inside, paired_difference, score
from regard.models import AttentiveClassifier
from regard.training import load_recipe, load_run
from regard.types import Map

RECIPE = ROOT / "src/regard/recipes" / "vit-clutter.yaml"
OPTIONS = load_recipe(RECIPE).model.attention_options
TARGET = {"times_faster": 1.5, "accuracy_lost": 0.01}


def train(at: str, kept: float, runs: Path, *, twin: bool) -> Path:
    """A run of the recipe, unless it is there."""
    name = f"{at}-{kept:g}"
    options = OPTIONS | {"keep": kept}
    fields = ["--model.at", f"[{at}]", "--model.attention_options", json.dumps(options), "--twin", str(twin).lower()]
    run_regard("train", "--recipe", RECIPE, "--runs", runs, "--name", name, *fields, "--quiet", "--no-evaluation")
    return runs / name


def times(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each, taking turns."""
    return {name: statistics.median(seconds) for name, seconds in seconds_in_turns(work, repeats).items()}


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    """How many times faster than the full network."""
    full = seconds["full"]
    return {"full_ms": 1000 * full} | {f"{k}_times_faster": full / v for k, v in seconds.items() if k != "full"}


@torch.no_grad()
def trained(run: Path, twin: Path, batches: list[int], repeats: int) -> dict[str, Any]:
    """Accuracy and time of one run against the full network."""
    _, model, data = load_run(run)
    _, full, _ = load_run(twin)
    model.eval(), full.eval()
    test = data.test.batch(range(len(data.test)))
    torch.manual_seed(0)
    columns: dict[str, list[Tensor]] = {
        "full": [],
        "mean_map": [],
        "random_map": [],
        "random_places": [],
        "on_object": [],
    }
    for x, y, masks in zip(*(part.split(256) for part in (test.images, test.labels, test.masks)), strict=True):
        mean = model(x)
        places = mean.attention[0].map[0]
        elsewhere = places.flatten(1).gather(1, torch.rand(len(x), places[0].numel()).argsort(1)).view_as(places)
        columns["full"].append(accuracy(full(x).probabilities(), y))
        columns["mean_map"].append(accuracy(mean.probabilities(), y))
        columns["random_map"].append(accuracy(model(x, samples=1).probabilities(), y))
        columns["random_places"].append(accuracy(model(x, map_override=elsewhere).probabilities(), y))
        columns["on_object"].append(energy_inside(Map(places, "gate"), masks))
    values = {name: torch.cat(parts) for name, parts in columns.items()}
    lost = {
        name: paired_difference(values["full"], values[name]) for name in ("mean_map", "random_map", "random_places")
    }
    return {
        "full_accuracy": score(values["full"]).mean,
        **{
            name: {"accuracy": score(values[name]).mean, "lost": {"mean": d.mean, "low": d.low, "high": d.high}}
            for name, d in lost.items()
        },
        "kept_on_object": score(values["on_object"]).mean,
        "object_area": score(area_share(test.masks)).mean,
        "by_batch": {batch: speed(model, full, test.images, batch, repeats) for batch in batches},
        "seconds_of_training": json.loads((run / "environment.json").read_text())["seconds"],
    }


def speed(
    model: AttentiveClassifier, full: AttentiveClassifier, images: Tensor, batch: int, repeats: int
) -> dict[str, float]:
    """How many times faster than the full network, dropped and masked, on the same batches."""
    chosen = list(images[: max(batch, 32)].split(batch))
    speeds = ratios(
        times(
            {
                "full": lambda: [full(x) for x in chosen],
                "dropped": lambda: [model(x, drop=True) for x in chosen],
                "masked": lambda: [model(x, drop=False) for x in chosen],
            },
            repeats,
        )
    )
    print(f"batch {batch}: {speeds['dropped_times_faster']:.2f} times faster", flush=True)
    return speeds


@torch.no_grad()
def untrained(batches: list[int], repeats: int) -> list[dict[str, Any]]:
    """vit_tiny_patch16_224 (196 patches, 12 blocks): time alone, by layer, kept share and batch."""
    full = AttentiveClassifier("vit_tiny_patch16_224", 1000, attention=None).eval()
    cells = []
    for at in (2, 5, 8):
        model = AttentiveClassifier(
            "vit_tiny_patch16_224", 1000, at=f"blocks.{at}", attention="mask", anchors=2, exclude_tokens=True
        ).eval()
        for kept in (0.25, 0.5, 0.75):
            for batch in batches:
                images = torch.rand(batch, 3, 224, 224)
                places = torch.rand(batch, 196).argsort(1).argsort(1)
                maps = (places < round(kept * 196)).float().view(batch, 1, 14, 14)
                work = {
                    "full": lambda x=images: full(x),
                    "dropped": lambda x=images, m=maps, net=model: net(x, map_override=m, drop=True),
                    "masked": lambda x=images, m=maps, net=model: net(x, map_override=m, drop=False),
                }
                cells.append({"at": at, "kept_share": kept, "batch": batch} | ratios(times(work, repeats)))
                print(f"vit_tiny, {cells[-1]}", flush=True)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["blocks.0:0.3", "blocks.0:0.2", "blocks.1:0.3"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--runs", type=Path, default=Path("runs/token_skipping"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    wanted = [(at, float(kept)) for at, kept in (cell.split(":") for cell in options.cells)]
    first, *others = wanted
    folders = [train(*first, options.runs, twin=True)]
    with ThreadPoolExecutor(2) as pool:
        folders += pool.map(lambda cell: train(*cell, options.runs, twin=False), others)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    cells = [
        {"at": at, "kept_share": kept} | trained(folder, folders[0] / "twin", options.batches, options.repeats)
        for (at, kept), folder in zip(wanted, folders, strict=True)
    ]
    values = {"target": TARGET, "trained": cells, "vit_tiny_224": untrained([1, 8], max(3, options.repeats // 3))}
    notes = (
        f"{options.threads} thread(s), float32; times_faster is the full network's median time over the other's, in "
        "turns; trained on clutter as the recipe says, one seed; accuracies on the test images, lost against the full "
        "network, paired; kept_on_object: share of the kept patches on the object's mask; vit_tiny untrained"
    )
    print(record("token_skipping", values, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
