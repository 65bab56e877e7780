"""How much faster a glance and a look at a quarter of the patches are than the same look network on the whole image.

Vision transformers at 224 pixels, untrained, since only time and exactness are of interest. Each is timed as a whole,
glance and choice included, in turns with the plain network, in an order that alternates; a ratio is of median times of
the processor, on one thread.
Exactness: the largest difference of a logit between computing the bought patches alone and masking the others as keys,
on images that buy different patches.

    python benchmarks/glance_speed.py [--networks vit_tiny_patch16_224 ...] [--batches 1 8] [--repeats 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch

from common import record, seconds_in_turns
from regard.models import AttentiveClassifier, GlanceClassifier

NETWORKS = ("vit_tiny_patch16_224", "vit_small_patch16_224")
TARGETS = {
    "vit_tiny_patch16_224": {"1": 1.5, "8": 3.0},
    "vit_small_patch16_224": {"1": 2.3},
    "exactness": 1e-5,
}
BUDGET = 0.25


@torch.inference_mode()
def measured(name: str, batches: list[int], repeats: int) -> dict[str, Any]:
    """Times and exactness of one network."""
    torch.manual_seed(0)
    full = AttentiveClassifier(name, 1000, attention=None).eval()
    model = GlanceClassifier(name, 1000, budget=BUDGET).eval()
    by_batch = {}
    for batch in batches:
        images = torch.rand(batch, 3, 224, 224)
        work = {
            "whole": lambda x=images: full(x),
            "glance_and_look": lambda x=images: model(x),
            "glance": lambda x=images: model.attention(x),
        }
        timed = seconds_in_turns(
            work, repeats, warmup=2, clock=time.process_time
        )  # other load would wait in a wall clock
        seconds = {key: statistics.median(each) for key, each in timed.items()}
        by_batch[str(batch)] = {
            **{f"{key}_ms": 1000 * each for key, each in seconds.items()},
            "times_faster": seconds["whole"] / seconds["glance_and_look"],
            "glance_share": seconds["glance"] / seconds["glance_and_look"],
        }
        print(f"{name}, batch {batch}: {by_batch[str(batch)]['times_faster']:.2f} times faster", flush=True)
    images = torch.rand(16, 3, 224, 224)
    places = torch.rand(16, model.attention.grid[0] * model.attention.grid[1]).argsort(1).argsort(1)
    maps = (places < model.attention.count).float().view(16, 1, *model.attention.grid)
    alone, masked = (model(images, map_override=maps, drop=drop).logits for drop in (True, False))
    return {
        "patches": f"{model.attention.count} of {maps[0].numel()}",
        "by_batch": by_batch,
        "largest_difference": float((alone - masked).abs().max()),
        "largest_logit": float(masked.abs().max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = {name: measured(name, options.batches, options.repeats) for name in options.networks}
    notes = (
        "one thread, float32, 224 pixels, untrained; processor time; times_faster is the whole network's median time "
        "over that of glance and look, in turns in one run; a quarter of the patches; glance_ms includes the choice"
    )
    print(record("glance_speed", {"targets": TARGETS, "budget": BUDGET, "networks": networks}, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
