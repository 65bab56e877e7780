"""Deletion and insertion: what they cost beyond the network's forwards, and the same of torch-cam and Quantus.

    benchmarks/make_oracle.sh
    python benchmarks/deletion_overhead.py [--network resnet18] [--images 8] [--repeats 5] [--cores 2]

Every side runs in a process of its own, peers in theirs, on the same network, images and maps, in batches of as many
images, with as many forwards an image (42); the sides take turns. *Overhead* is the median time of the whole over that
of its forwards alone, less one. regard and torch-cam delete and insert; Quantus' PixelFlipping only deletes, so it
takes twice the steps. ``noisy_linear`` solves a linear system for every image it makes; the target is for the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from peers import Side, network, peer_version, serve, take_turns

SIZE, STEPS, TARGET = (224, 224), 20, 0.20
FORWARDS = 2 * (STEPS + 1)
BASELINES = ("mean", "blur", "noisy_linear")
PEERS = {"torchcam": "torchcam", "quantus": "quantus"}


def regard(model: Any, images: Any, maps: Any, classes: Any, baseline: Any) -> Callable[[], object]:
    from regard.metrics import Removal, deletion, insertion
    from regard.types import Map

    how, map = Removal(steps=STEPS, baseline=baseline, batch_size=len(images)), Map(maps[:, None], "relevance")

    def predict(x: Any) -> Any:
        return model(x).softmax(1)

    return lambda: [judge(predict, images, map, classes, removal=how) for judge in (deletion, insertion)]


def torchcam(model: Any, images: Any, maps: Any, classes: Any) -> Callable[[], object]:
    from types import SimpleNamespace

    from torchcam.metrics import DeletionInsertionMetric

    class Given(SimpleNamespace):
        """An extractor that returns a map it was given."""

        def __call__(self, *_: Any, **__: Any) -> Any:
            return [maps]

    given = Given(model=model, fuse_cams=lambda cams: cams[0], _hooks_off=nullcontext)
    metric = DeletionInsertionMetric(given, lambda x: x.softmax(1), steps=STEPS + 1, batch_size=len(images))
    return lambda: metric.update(images, classes.tolist())


def quantus(model: Any, images: Any, maps: Any, classes: Any) -> Callable[[], object]:
    from quantus import PixelFlipping

    metric = PixelFlipping(features_in_step=3 * SIZE[0] * SIZE[1] // FORWARDS, disable_warnings=True)
    arrays = {"x_batch": images.numpy(), "y_batch": classes.numpy(), "a_batch": maps[:, None].numpy()}
    return lambda: metric(model=model, **arrays, device="cpu", softmax=True, batch_size=len(images))


def work(arguments: argparse.Namespace) -> None:
    import torch

    model = network(arguments.network)
    given = torch.rand(arguments.images, 3, *SIZE), torch.rand(arguments.images, *SIZE), torch.arange(arguments.images)
    if arguments.side in PEERS:
        serve(model, SIZE, {"torchcam": torchcam, "quantus": quantus}[arguments.side](model, *given))
    else:
        serve(model, SIZE, regard(model, *given, arguments.side))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--side", choices=(*BASELINES, *PEERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        work(arguments)
        return
    from common import record

    rest = ["--network", arguments.network, "--images", str(arguments.images)]
    sides = {name: Side(__file__, name, rest, PEERS.get(name), arguments.cores) for name in (*BASELINES, *PEERS)}
    measured = take_turns(sides, arguments.images, arguments.repeats)
    ours = measured["mean"]["milliseconds_a_forward"]
    peers = {
        name: measured[name]
        | {"version": peer_version(name), "times_regards": measured[name]["milliseconds_a_forward"] / ours}
        for name in PEERS
        if name in measured
    }
    values = {
        "network": arguments.network,
        "regard": {name: measured[name] for name in BASELINES},
        "peers": peers,
        "left_out": {name: side.why for name, side in sides.items() if side.why},
        "target": TARGET,
    }
    notes = " ".join((__doc__ or "").split())
    notes += f" {arguments.images} images of {SIZE[0]} pixels, {arguments.cores} threads, {arguments.repeats} repeats"
    record("deletion_overhead", values, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
