"""What the budget's projection adds to a training step: processor time with a budget over that without, in turns.

    python benchmarks/projection_overhead.py [--repeats 60]

The same noise gate, forward, loss, backward and optimiser step: with a weight on its price, as without a budget, and
with a threshold that is solved for the batch, or for every image. Small: `compact` on batches of 32 images of 40
pixels, as `make demo`; large: EfficientNet-Lite0 on 16 images of 192 pixels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from common import record, seconds_in_turns
from regard.models import AttentiveClassifier
from regard.objectives import Weights, information_loss

GATES = {
    "price": {},
    "budget": {"budget": 2000.0},
    "budget, per image": {"budget": 2000.0, "per_image": True},
}
NETWORKS = {"small": ("compact", "stage1", 32, 40), "large": ("tf_efficientnet_lite0", "blocks.4", 16, 192)}


def step_of(backbone: str, at: str, batch: int, side: int, options: dict[str, object]) -> Callable[[], object]:
    """A training step of a fresh network on the same noise images."""
    torch.manual_seed(0)
    model = AttentiveClassifier(
        backbone, 10, at=at, attention="noise", attention_options=options, input_size=(side, side)
    )
    model.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    images = torch.rand(batch, 3, side, side).to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10

    def step() -> None:
        optimizer.zero_grad()
        weights = Weights() if options else Weights(map_beta=1e-6)
        information_loss(model(images, samples=1), labels, weights).total.backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    values = {}
    for name, network in NETWORKS.items():
        work = {gate: step_of(*network, given) for gate, given in GATES.items()}
        seconds = seconds_in_turns(work, options.repeats, warmup=5, clock=time.process_time)
        median = {gate: statistics.median(times) for gate, times in seconds.items()}
        paired = {
            gate: statistics.median(a / b for a, b in zip(times, seconds["price"], strict=True)) - 1
            for gate, times in seconds.items()
        }
        values[name] = {"seconds": median, "added": paired}
        print(name, values[name], flush=True)
    print(record("projection_overhead", values, notes="processor seconds of a step, one thread; shares are medians"))


if __name__ == "__main__":
    main()
