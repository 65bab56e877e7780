"""What a vision transformer saves by leaving out the tokens that its map closes, and what it costs in accuracy.

Trained: recipes/vit-clutter.yaml at some layers and kept shares, and once its plain twin, which is the full network of
all of them. Every run is timed on test images, in batches, tokens dropped, beside the twin and beside itself with
tokens masked only, by the mean map and by one random map an image; accuracies are of the same images. Untrained:
vit_tiny at 224 pixels with given maps of exactly so many open patches, where only time is of interest. Networks take
turns, in an order that alternates; a ratio is of medians.

    python benchmarks/token_skipping.py [--cells blocks.0:0.35 ...] [--batches 1 16 64] [--runs runs/token_skipping]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from record import ROOT, record
from regard.metrics import accuracy, paired_difference, score
from regard.models import AttentiveClassifier
from regard.training import load_run

RECIPE = ROOT / "recipes" / "vit-clutter.yaml"
TARGET = {"times_faster": 1.5, "accuracy_lost": 0.01}
MAPS = (("mean_map", 0), ("random_map", 1))


def train(at: str, kept: float, runs: Path, *, twin: bool) -> Path:
    """A run of the recipe, unless it is there."""
    name = f"{at}-{kept:g}"
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(RECIPE), "--runs", str(runs), "--name", name]
    command += ["--model.at", f"[{at}]", "--objective.kept_budget", str(kept), "--twin", str(twin).lower()]
    subprocess.run([*command, "--quiet", "--no-evaluation"], check=True)
    return runs / name


def times(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each, taking turns; the first round is thrown away."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for repeat in range(repeats + 1):
        for name in sorted(work, reverse=repeat % 2 == 1):
            start = time.perf_counter()
            work[name]()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def ratios(found: dict[str, float]) -> dict[str, float]:
    """How many times faster than the full network."""
    full = found["full"]
    return {"full_ms": 1000 * full} | {f"{k}_times_faster": full / v for k, v in found.items() if k != "full"}


@torch.no_grad()
def trained(run: Path, twin: Path, batches: list[int], repeats: int) -> dict[str, Any]:
    """Accuracy and time of one run against the full network: by the mean map, and by one random map an image."""
    _, model, data = load_run(run)
    _, full, _ = load_run(twin)
    model.eval(), full.eval()
    images, labels = data.test.batch(range(len(data.test))).images, data.test.labels
    before = torch.cat([accuracy(full(x).probabilities(), y) for x, y in parts(images, labels)])
    return {
        "full_accuracy": score(before).mean,
        **{name: by_map(model, full, samples, images, labels, before, batches, repeats) for name, samples in MAPS},
        "seconds_of_training": json.loads((run / "environment.json").read_text())["seconds"],
    }


def parts(images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and labels, 256 at a time."""
    return zip(images.split(256), labels.split(256), strict=True)


def by_map(
    model: AttentiveClassifier,
    full: AttentiveClassifier,
    samples: int,
    images: Tensor,
    labels: Tensor,
    before: Tensor,
    batches: list[int],
    repeats: int,
) -> dict[str, Any]:
    """The same with so many random maps an image, 0 for the mean map; what the map closes is dropped."""
    torch.manual_seed(0)
    right, open_ = [], []
    for x, y in parts(images, labels):
        output = model(x, samples=samples)
        right.append(accuracy(output.probabilities(), y))
        open_.append((output.attention[0].map[0] > 0).float().flatten(1).mean(1))
    lost = paired_difference(before, torch.cat(right))
    kept = torch.cat(open_)
    speed = {}
    for batch in batches:
        chosen = list(images[: max(batch, 32)].split(batch))
        work = {
            "full": lambda chosen=chosen: [full(x) for x in chosen],
            "dropped": lambda chosen=chosen: [model(x, samples=samples, drop=True) for x in chosen],
            "masked": lambda chosen=chosen: [model(x, samples=samples, drop=False) for x in chosen],
        }
        longest = statistics.mean(part.max().item() for part in kept[: max(batch, 32)].split(batch))
        speed[batch] = ratios(times(work, repeats)) | {"share_computed": longest}
        print(f"{samples} maps, batch {batch}: {speed[batch]['dropped_times_faster']:.2f} times faster", flush=True)
    return {
        "accuracy": score(torch.cat(right)).mean,
        "accuracy_lost": {"mean": lost.mean, "low": lost.low, "high": lost.high},
        "kept_share": {"mean": kept.mean().item(), "smallest": kept.min().item(), "largest": kept.max().item()},
        "by_batch": speed,
    }


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
                    "dropped": lambda x=images, m=maps, net=model: net(x, given=m, drop=True),
                    "masked": lambda x=images, m=maps, net=model: net(x, given=m, drop=False),
                }
                cells.append({"at": at, "kept_share": kept, "batch": batch} | ratios(times(work, repeats)))
                print(f"vit_tiny, {cells[-1]}", flush=True)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["blocks.0:0.35"])
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
        {"at": at, "asked_kept_share": kept} | trained(folder, folders[0] / "twin", options.batches, options.repeats)
        for (at, kept), folder in zip(wanted, folders, strict=True)
    ]
    values = {"target": TARGET, "trained": cells, "vit_tiny_224": untrained([1, 8], max(3, options.repeats // 3))}
    notes = (
        f"{options.threads} thread(s), float32; times_faster is the full network's median time over the other's, in "
        "turns; share_computed is of the longest sequence of each batch, to which the others are padded; trained on "
        "clutter as the recipe says, accuracies on 2,000 test images, accuracy_lost paired; vit_tiny untrained"
    )
    print(record("token_skipping", values, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
