"""IBA: images side by side, with only the part after the layer run again, against one image after another through the
whole network, as the paper's code does it: the same steps, noise draws and price.

Both take turns in one run; the ratio is that of median seconds an image: processor time on a processor, which other
work on the machine hardly moves, wall time on a GPU. Weights are random: they do not change speed.

    python benchmarks/iba_speed.py [--network resnet50] [--images 8] [--device cuda] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from common import record, seconds_in_turns
from regard.attention import noise_price
from regard.backbones import create_backbone, locate, recommended_layer
from regard.explain import ChannelStatistics, channel_statistics, explain, preserve_state
from regard.metrics.smoothing import gaussian_blur

SIZE, STEPS, SAMPLES, BETA = (224, 224), 10, 10, 10.0
TARGETS = {"cpu": 2.0, "cuda": 5.0}


def one_image(model: nn.Module, layer: nn.Module, image: Tensor, target: Tensor, channels: ChannelStatistics) -> Tensor:
    """One image, its noise samples a batch, the whole network in every step."""
    mean, std = channels.mean[:, None, None], channels.std[:, None, None]
    kept: dict[str, Tensor] = {}

    def bottleneck(_module: nn.Module, _args: object, out: Tensor) -> Tensor:
        if "alpha" not in kept:
            kept["alpha"] = torch.full_like(out[:1], 5.0).requires_grad_()
        passed = gaussian_blur((1 - 1e-4) * kept["alpha"].sigmoid(), 1.0)
        kept["nats"] = noise_price(passed, ((out[:1] - mean) / std).square())
        return passed * out + (1 - passed) * (mean + std * torch.randn_like(out))

    images, classes = image[None].expand(SAMPLES, -1, -1, -1), target.expand(SAMPLES)
    with preserve_state(model):
        layer.register_forward_hook(bottleneck)
        optimizer: torch.optim.Optimizer | None = None
        for _ in range(STEPS):
            loss = nn.functional.cross_entropy(model(images), classes) + BETA * kept["nats"].mean()
            optimizer = optimizer or torch.optim.Adam([kept["alpha"]], lr=1.0)
            (kept["alpha"].grad,) = torch.autograd.grad(loss, kept["alpha"])
            optimizer.step()
    return kept["nats"].detach().sum()


def synchronize(device: torch.device) -> None:
    """Waits for the GPU, if there is one."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    model = create_backbone(arguments.network, 1000, img_size=SIZE).eval().to(device)
    name = recommended_layer(model)
    images = torch.rand(arguments.images, 3, *SIZE, device=device)
    target = torch.arange(arguments.images, device=device)
    statistics_of = channel_statistics(model, images, layer=name)
    layer = locate(model, name)[2]

    def together() -> None:
        explain(model, images, "iba", target=target, layer=name, reference=statistics_of, steps=STEPS, samples=SAMPLES)
        synchronize(device)

    def alone() -> None:
        one_image(model, layer, images[0], target[:1], statistics_of)
        synchronize(device)

    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = seconds_in_turns({"together": together, "alone": alone}, arguments.repeats, clock=clock)
    ours = statistics.median(times["together"]) / arguments.images
    theirs = statistics.median(times["alone"])
    values = {
        "network": arguments.network,
        "layer": name,
        "seconds_an_image": ours,
        "one_image_seconds": theirs,
        "times_faster": theirs / ours,
        "target": TARGETS[device.type],
    }
    print(f"{theirs:.2f} s an image alone, {ours:.2f} s side by side: {theirs / ours:.2f} times faster")
    notes = (
        f"{SIZE[0]} pixels, {arguments.images} images side by side, {STEPS} steps of {SAMPLES} draws, float32, "
        f"{arguments.repeats} interleaved repeats, medians of {'wall' if device.type == 'cuda' else 'processor'} time; "
        "parameters need no gradient on either side"
    )
    record(f"iba_speed_{device.type}", values, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
