"""RISE: network forwards an image, what the method costs beyond them, and the same of captum-rise.

    benchmarks/make_oracle.sh
    python benchmarks/rise_overhead.py [--network resnet18] [--images 8] [--samples 128] [--device cuda] [--cores 2]

Each side runs in a process of its own, on the same network and images, with as many masks, in batches of as many
images, since captum-rise takes one mask a forward; the two take turns. *Overhead* is the median time of the whole over
that of its forwards alone, less one. regard's forwards beyond the masks: the class's range is checked on one image.
"""

from __future__ import annotations

import argparse
from typing import Any

from peers import Side, network, peer_version, serve, take_turns

SIZE, CELLS, TARGET = (224, 224), 7, 0.20
PEER = "captum-rise"


def work(arguments: argparse.Namespace) -> None:
    import torch

    model = network(arguments.network, arguments.device)
    images = torch.rand(arguments.images, 3, *SIZE, device=arguments.device)
    target = torch.arange(arguments.images, device=arguments.device)
    samples = arguments.samples

    def ours() -> Any:
        from regard.explain import explain

        return explain(model, images, "rise", target=target, samples=samples, cells=CELLS, batch=len(images))

    def theirs() -> Any:
        from rise import RISE

        with torch.no_grad():
            method = RISE(lambda x: model(x).softmax(1))
            return method.attribute(images, samples, ((CELLS, CELLS),), target=target.tolist())

    serve(model, SIZE, theirs if arguments.side == PEER else ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--side", choices=("regard", PEER), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        work(arguments)
        return
    from common import record

    rest = [f"--{key}={getattr(arguments, key)}" for key in ("network", "images", "samples", "device")]
    sides = {
        name: Side(__file__, name, rest, package, arguments.cores) for name, package in (("regard", None), (PEER, PEER))
    }
    measured = take_turns(sides, arguments.images, arguments.repeats)
    values: dict[str, Any] = {"network": arguments.network, "masks": arguments.samples, "target": TARGET}
    values |= measured["regard"]
    if PEER in measured:
        times = measured[PEER]["milliseconds_a_forward"] / measured["regard"]["milliseconds_a_forward"]
        values["peer"] = measured[PEER] | {"name": PEER, "version": peer_version(PEER), "times_regards": times}
    notes = " ".join((__doc__ or "").split())
    notes += f" {arguments.images} images of {SIZE[0]} pixels, {arguments.cores} threads, {arguments.repeats} repeats"
    record(f"rise_overhead_{arguments.device}", values, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
