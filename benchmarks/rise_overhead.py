"""RISE: network forwards an image, and what the method costs beyond them.

The forwards alone, in batches of the same size, take turns with the whole method in one run; the overhead is the ratio
of medians less one.

    python benchmarks/rise_overhead.py [--network tf_efficientnet_lite0] [--images 4] [--samples 128] [--device cuda]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from record import record
from regard.backbones import create_backbone
from regard.explain import explain

SIZE, BATCH, TARGET = (224, 224), 32, 0.20


def counted(model: nn.Module) -> list[int]:
    """Images in each forward from now on."""
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _module, args: sizes.append(len(args[0])))
    return sizes


def seconds(device: torch.device, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="tf_efficientnet_lite0")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    model = create_backbone(arguments.network, 1000, img_size=SIZE).eval().to(device)
    images = torch.rand(arguments.images, 3, *SIZE, device=device)
    target = torch.arange(arguments.images, device=device)
    sizes = counted(model)

    def whole() -> None:
        explain(model, images, "rise", target=target, samples=arguments.samples, batch=BATCH)

    whole()
    needed = list(sizes)
    batches = {size: torch.rand(size, 3, *SIZE, device=device) for size in set(needed)}

    def forwards() -> None:
        with torch.no_grad():
            for size in needed:
                model(batches[size])

    times: dict[str, list[float]] = {"whole": [], "forwards": []}
    for repeat in range(arguments.repeats):
        for key, work in (("whole", whole), ("forwards", forwards))[:: 1 if repeat % 2 else -1]:
            times[key].append(seconds(device, work))
    bare = statistics.median(times["forwards"])
    overhead = statistics.median(times["whole"]) / bare - 1
    values = {
        "network": arguments.network,
        "masks": arguments.samples,
        "forwards_an_image": sum(needed) / arguments.images,
        "forward_seconds_an_image": bare / arguments.images,
        "overhead": overhead,
        "target": TARGET,
    }
    print(f"{values['forwards_an_image']:.2f} forwards an image, {overhead:.1%} beyond them")
    notes = (
        f"{SIZE[0]} pixels, {arguments.images} images, batches of {BATCH}, float32, {arguments.repeats} interleaved "
        "repeats, medians; forwards beyond the masks: the class's range is checked on one image"
    )
    record(f"rise_overhead_{device.type}", values, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
