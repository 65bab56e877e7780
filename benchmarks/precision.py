"""Which precision and memory layout trains fastest here? Time of a training step, as a ratio to float32 and NCHW.

    python benchmarks/precision.py [--repeats 10]

The four take turns in one run, so that whatever slows the machine slows all. The recipes' default (`32-true`,
`channels_last`) is what is fastest for the default network; `train.precision=bf16-mixed` pays off where this says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable

import torch
from torch import nn

from common import record, seconds_in_turns
from regard.models import AttentiveClassifier

NETWORKS = {"compact": ("stage1", 40, 32), "resnet18": ("layer2", 64, 32), "resnet50": ("layer3", 224, 8)}
"""Backbone -> attended layer, side of the images, batch size."""
VARIANTS = {
    f"{precision}, {layout}": (precision == "bf16", layout == "NHWC")
    for precision in ("float32", "bf16")
    for layout in ("NCHW", "NHWC")
}


def step(network: str, bf16: bool, channels_last: bool, device: str) -> Callable[[], None]:
    """One training step of the attended network."""
    at, side, batch = NETWORKS[network]
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = AttentiveClassifier(network, 10, at=at, attention="noise", latent=32, input_size=(side, side))
    model = model.to(device, memory_format=memory_format).train()  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    images = torch.rand(batch, 3, side, side, device=device).contiguous(memory_format=memory_format)
    labels = torch.arange(batch, device=device) % 10

    def run() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            output = model(images)
        loss = nn.functional.cross_entropy(output.logits[0].float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    values: dict[str, dict[str, dict[str, float]]] = {}
    for network in NETWORKS:
        work = {name: step(network, *variant, device) for name, variant in VARIANTS.items()}
        times = seconds_in_turns(work, options.repeats, warmup=2)
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        plain = medians["float32, NCHW"]
        values[network] = {name: {"seconds": m, "times_faster": plain / m} for name, m in medians.items()}
    notes = f"{device}; medians of {options.repeats} steps; attended networks, " + ", ".join(
        f"{name} at {side} pixels in batches of {batch}" for name, (_, side, batch) in NETWORKS.items()
    )
    print(record("precision", values, notes=notes))
    print(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
