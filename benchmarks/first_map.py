"""The map that `regard try` brings along: learned from photographs that may be shared, measured on others.

    python benchmarks/first_map.py learn                      # writes src/regard/start/first_map
    REGARD_DATA=... python benchmarks/first_map.py measure    # results/first_map.json

``learn``: an amortised IBA of EfficientNet-Lite0 (`regard.explain.learn_amortized_iba`), from crops of the photographs
of scikit-image (public domain or CC0) and scikit-learn (CC BY 2.0: china.jpg by danielbuechele, flower.jpg by
vultilion). The cat and the coffee that `regard try` shows are not among them.

``measure``: on photographs of birds with boxes (CUB) and of salient objects with masks (ECSSD), which are not shared.
*Kept* is the share of images whose class one sample of the noise keeps; *uniform* that of a map of one value at the
same bits, which a learned map must beat. Maps are held against Grad-CAM, by the gap between the two orders of deletion
and by their place, paired by image, with random maps as the floor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common import record
from regard.data import evenly_spaced, open_data
from regard.explain import AmortizedIba, explain, learn_amortized_iba
from regard.explain.context import preserve_state
from regard.explain.split import SplitNetwork
from regard.judge import open_subject
from regard.metrics import Removal, batch_masks, energy_inside, lerf_morf_gap, paired_difference, pointing_game
from regard.models import AttentiveClassifier
from regard.start.first import FIRST_MAP, NETWORK, package_path
from regard.types import NATS_PER_BIT, Map

PHOTOGRAPHS = (
    *("skimage.data/astronaut.png", "skimage.data/rocket.jpg", "skimage.data/motorcycle_left.png"),
    *("skimage.data/camera.png", "skimage.data/hubble_deep_field.jpg", "skimage.data/coins.png"),
    *("skimage.data/moon.png", "skimage.data/grass.png", "skimage.data/gravel.png", "skimage.data/brick.png"),
    *("sklearn.datasets.images/china.jpg", "sklearn.datasets.images/flower.jpg"),
)
CROPS, STEPS, BITS = 384, 240, 10_000.0
DRAWS = 4
SETS = ("cub", "ecssd")


def crops(count: int, side: int, seed: int = 0) -> Tensor:
    """Square crops of at least a fifth of a photograph's shorter side, half of them mirrored, (N,3,S,S) in [0,1]."""
    random = np.random.default_rng(seed)
    found = []
    pictures = [Image.open(package_path(name)).convert("RGB") for name in PHOTOGRAPHS]
    for k in range(count):
        picture = pictures[k % len(pictures)]
        length = int(min(picture.size) * random.uniform(0.2, 1.0) ** 0.5)
        x, y = (int(random.integers(0, whole - length + 1)) for whole in picture.size)
        crop = picture.crop((x, y, x + length, y + length)).resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.asarray(crop, np.float32) / 255
        found.append(torch.from_numpy(pixels[:, :: -1 if random.random() < 0.5 else 1].copy()))
    return torch.stack(found).permute(0, 3, 1, 2)


def learn() -> None:
    model = open_subject(NETWORK).model
    begin = time.process_time()
    learned = learn_amortized_iba(model, crops(CROPS, model.shape[1]), bits=BITS, steps=STEPS, batch=16)
    learned.save(FIRST_MAP)
    size = sum(file.stat().st_size for file in FIRST_MAP.iterdir())
    print(f"{FIRST_MAP}: {size:,} bytes, {time.process_time() - begin:.0f} s of a processor, {learned.facts}")


def kept(model: AttentiveClassifier, learned: AmortizedIba, images: Tensor) -> dict[str, Tensor]:
    """Bits of an image, and the share of samples that keep its class: with the map, and with one value everywhere."""
    split, gate = SplitNetwork(model, learned.facts.layer, model.shape), learned.attention.gate
    found: dict[str, list[Tensor]] = {"bits": [], "kept": [], "uniform": []}
    for part in images.split(25):
        output, own = split.whole(part)
        features, classes = split.features(output), own.argmax(1)
        price = learned.attention(features).price[0].flatten(1).sum(1)
        found["bits"].append(price / NATS_PER_BIT)
        low, high = torch.zeros(len(part), 1, 1, 1), torch.ones(len(part), 1, 1, 1)
        for _ in range(25):  # the value whose price is that of the map, image by image
            value = (low + high) / 2
            less = gate.pricing(features)(value.expand_as(features[:, :1])).flatten(1).sum(1) < price
            low, high = (torch.where(less[:, None, None, None], *pair) for pair in ((value, low), (high, value)))
        flat = torch.cat([gate(features, low.expand_as(features[:, :1]), noisy=True).features for _ in range(DRAWS)])
        for name, passed in (("kept", learned.attention(features, samples=DRAWS).features), ("uniform", flat)):
            same = split.logits(passed).argmax(1).reshape(DRAWS, -1) == classes
            found[name].append(same.float().mean(0))
    return {name: torch.cat(parts) for name, parts in found.items()}


def scores(model: AttentiveClassifier, images: Tensor, masks: Tensor, map: Map) -> dict[str, Tensor]:
    """Gap between the orders of deletion, and place, per image."""
    classes = model.predict(images).argmax(1)
    gap = lerf_morf_gap(model.predict, images, map, classes, removal=Removal(baseline="blur", steps=5)).gap
    return {
        "gap": gap,
        "energy": energy_inside(map, masks, negative="clip"),
        "pointing": pointing_game(map, masks).float(),
    }


def measured(data: str, count: int) -> dict[str, Any]:
    model, learned = open_subject(NETWORK).model, AmortizedIba.load(FIRST_MAP)
    test = open_data(data, size=model.shape[1]).test
    batch = test.batch(evenly_spaced(len(test), count))
    masks = batch_masks(batch)
    assert masks is not None
    with preserve_state(model), torch.no_grad():
        keeping = kept(model, learned, batch.images)
    maps = {
        "first_map": explain(model, batch.images, "amortized_iba", learned=learned),
        "grad_cam": explain(model, batch.images, "grad_cam"),
        "random": explain(model, batch.images, "random"),
    }
    values = {name: scores(model, batch.images, masks, map) for name, map in maps.items()}
    first = values["first_map"]
    return {
        "images": count,
        "kept": {name: interval(each) for name, each in keeping.items()},
        "kept_minus_uniform": interval(keeping["kept"] - keeping["uniform"]),
        "area": float(masks.float().mean()),
        "scores": {name: {key: interval(x) for key, x in each.items()} for name, each in values.items()},
        "first_map_minus": {
            name: {key: interval(first[key] - values[name][key]) for key in first} for name in ("grad_cam", "random")
        },
    }


def interval(values: Tensor) -> dict[str, float]:
    """Mean with a 95 % bootstrap interval over images."""
    d = paired_difference(values, torch.zeros_like(values), draws=2000)
    return {"mean": d.mean, "low": d.low, "high": d.high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("learn", "measure"))
    parser.add_argument("--images", type=int, default=50, help="of each set that are measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "learn":
        learn()
        return
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cub50 and ecssd")
    size = sum(file.stat().st_size for file in FIRST_MAP.iterdir())
    values = {"bytes": size, "facts": vars(AmortizedIba.load(FIRST_MAP).facts)}
    values |= {data: measured(data, options.images) for data in SETS}
    print(
        record("first_map", values, seeds=[0], notes="kept: by one sample of the noise; gap: blurred pixels, 5 steps")
    )


if __name__ == "__main__":
    main()
