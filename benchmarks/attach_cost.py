"""What attention costs: an attended resnet50 at 224 against the plain one, inference and training step, batch 8.

Plain and attended take turns in one run, so that whatever slows the machine slows both. The ratio is that of medians.

    python benchmarks/attach_cost.py [--repeats 15] [--attention noise]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from torch import nn

from common import record, seconds_in_turns
from regard.models import AttentiveClassifier

BATCH, SIZE, CLASSES = 8, (224, 224), 100
TARGETS = {"inference": 1.05, "training": 1.10}


def inference(model: nn.Module, images: torch.Tensor, _: torch.Tensor) -> Callable[[], None]:
    model.eval()

    def run() -> None:
        with torch.no_grad():
            model(images)

    return run


def training(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def run() -> None:
        output = model(images)
        loss = nn.functional.cross_entropy(output.logits[0], labels)
        for layer in output.attention:
            loss = loss + 1e-6 * layer.price.sum() if layer.price is not None else loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--attention", nargs="+", default=["noise", "aib"])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    images, labels = torch.rand(BATCH, 3, *SIZE), torch.arange(BATCH) % CLASSES
    models = {
        name: AttentiveClassifier("resnet50", CLASSES, at="layer3", attention=name, anchors=20 if name else None)
        for name in (None, *arguments.attention)
    }
    values: dict[str, dict[str, float]] = {}
    for phase, build in (("inference", inference), ("training", training)):
        work = {name or "plain": build(model, images, labels) for name, model in models.items()}
        times = seconds_in_turns(work, arguments.repeats)
        plain = statistics.median(times["plain"])
        values[phase] = {"plain_seconds": plain, "target_ratio": TARGETS[phase]}
        for name in arguments.attention:
            values[phase][f"{name}_ratio"] = statistics.median(times[name]) / plain
            fastest = min(times[name]) / min(times["plain"])
            values[phase][f"{name}_ratio_of_fastest"] = fastest
            print(f"{phase}, {name}: {values[phase][f'{name}_ratio']:.3f} (fastest: {fastest:.3f})", flush=True)
    notes = (
        f"resnet50 at layer3 with 20 anchors against plain, {SIZE[0]} pixels, batch {BATCH}, float32, "
        f"{arguments.repeats} interleaved repeats, ratio of medians; training step with SGD and the gate's price"
    )
    record("attach_cost", values, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
