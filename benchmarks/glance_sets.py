"""What a glance buys on mosaics of CIFAR-10 and on CUB-50, beside other places and the plain network.

Run by ``benchmarks/glance.py --set mosaics`` or ``--set cub50``; what is finished is not run again.

    mosaics   the plain network learns on whole images for 4 epochs; from there go on, for 6 more each: whole; small, on
              images of half the side, which is as much computation as crop's look; crop, a glance that buys one window
              of a quarter of the pixels; random and center, the same with windows there. `compact`, 4,000 images
    cub50     crop: EfficientNet-Lite0 glances at 98 pixels, another looks at a window of 144 of the 224; small: the
              plain network at 176 pixels, as much computation as both together; ImageNet weights, 5 epochs each

All are tested on at most 1,000 test images: as they are; with what is outside the object's box swapped for another
image's, or corrupted by noise; a glance also with everything that it did not buy swapped, map frozen, and with its look
at other places (`regard.models.control_maps`). ``clutter`` tests the cells of glance.py in the same way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common import ROOT, record
from gate_budgets import interval
from regard.data import DataSplits, Split, evenly_spaced, open_data
from regard.files import write_json
from regard.metrics import batch_masks, controls
from regard.models import AttentiveClassifier, GlanceClassifier, control_maps, shrunk_look
from regard.training import Recipe, load_recipe, override, plain_twin, train_with_twin

IMAGES = 1000
NOISE = 0.2
ARMS = {"mosaics": ("whole", "small", "crop", "random", "center"), "cub50": ("crop", "small")}
MOSAICS = {"train": 4000, "val": 300, "test": IMAGES}
EPOCHS = {"mosaics": (4, 6), "cub50": (0, 5)}
SMALL = {"mosaics": 32, "cub50": 176}
"""Side of the images of the plain network that computes as much."""
LOSSES = ("swapped", "corrupted")


def set_recipe(name: str, arm: str, seed: int, start: Path) -> Recipe:
    """Of one arm of one seed."""
    common = {"train.seed": seed, "train.threads": 1, "train.accelerator": "cpu"}
    base = override(load_recipe(ROOT / f"src/regard/recipes/glance-{name}.yaml"), common)
    base = replace(base, model=replace(base.model, init=None), twin=False, train=replace(base.train, plain_epochs=0))
    first, more = EPOCHS[name]
    plain = plain_twin(base)
    if arm == "start":
        return replace(plain, train=replace(plain.train, epochs=first))
    if arm in ("whole", "small"):
        base = plain
    elif arm != "crop":
        base = override(base, {"model.attention_options": {**base.model.attention_options, "places": arm}})
    init = str(start) if first else None
    return replace(base, model=replace(base.model, init=init), train=replace(base.train, epochs=more))


def set_data(name: str, arm: str) -> DataSplits:
    """The set as the arm sees it."""
    if name == "cub50":
        return open_data("cub", size=SMALL[name] if arm == "small" else 224, crop=False, in_memory=True)
    data = open_data("cifar10_mosaics", **MOSAICS)
    return replace(data, **{part: _halved(getattr(data, part)) for part in MOSAICS}) if arm == "small" else data


def _halved(split: Any) -> Split:
    images = F.avg_pool2d(split.images.float(), 2).round().byte()
    return replace(split, images=images, masks=split.masks[:, :, ::2, ::2], boxes=split.boxes / 2)


def set_cell(name: str, arm: str, seed: int, runs: Path) -> dict[str, Any]:
    """Trains and tests what is missing of a cell."""
    folder = runs / f"{name}-{arm}-{seed}"
    path = folder / "cell.json"
    if not path.exists():
        torch.set_num_threads(1)
        began, data = time.process_time(), set_data(name, arm)
        start = runs / f"{name}-start-{seed}"
        train_with_twin(set_recipe(name, arm, seed, start), folder, quiet=True, data=data)
        model = AttentiveClassifier.from_pretrained(folder / "model").to(memory_format=torch.channels_last)
        trained = time.process_time() - began
        write_json(path, tested_rest(model, data.test) | {"training_seconds": trained})
        print(name, arm, seed, path.read_text(), flush=True)
    return json.loads(path.read_text())


def tested_rest(model: AttentiveClassifier, split: Split) -> dict[str, Any]:
    """Accuracies as images are, and with the rest of the image changed; of a glance, what the rest changes."""
    where = evenly_spaced(len(split), IMAGES)
    partner = where[controls.derangement(len(where), seed=0)]
    hits: dict[str, list[Tensor]] = {}
    facts: dict[str, list[Tensor]] = {}
    shrunk = shrunk_look(model) if isinstance(model, GlanceClassifier) else None
    for rows, others in zip(where.split(100), partner.split(100), strict=True):
        batch, images = split.batch(rows), split.batch(others).images
        masks = batch_masks(batch)
        assert masks is not None, "every set has boxes"
        noise = torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(int(rows[0])))
        shown = {
            "same": batch.images,
            "swapped": torch.where(masks, batch.images, images),
            "corrupted": torch.where(masks, batch.images, (batch.images + NOISE * noise).clamp(0, 1)),
        }
        answers = {name: model.predict(each).argmax(1) for name, each in shown.items()}
        if isinstance(model, GlanceClassifier):
            answers |= _of_a_glance(model, batch.images, images, masks, facts)
        if shrunk is not None:
            answers["at/shrunk"] = shrunk(batch.images).argmax(1)
        for name, answer in answers.items():
            hits.setdefault(name, []).append((answer == batch.labels).float())
    values = {name: float(torch.cat(parts).mean()) for name, parts in hits.items()}
    summed = {name: float(torch.cat(parts).sum()) for name, parts in facts.items()}
    mean = {name: value / len(where) for name, value in summed.items() if name != "changed_by_other_pixels"}
    changed = {name: value for name, value in summed.items() if name == "changed_by_other_pixels"}
    return values | mean | changed | {"images": len(where)}


def _of_a_glance(
    model: GlanceClassifier, images: Tensor, others: Tensor, masks: Tensor, facts: dict[str, list[Tensor]]
) -> dict[str, Tensor]:
    """Answers at other places; ``facts`` are added to: what was bought, and what the rest changes."""
    map_ = model.explain(images).values
    rows, columns = (image // patches for image, patches in zip(images.shape[2:], map_.shape[2:], strict=True))
    bought = map_.repeat_interleave(rows, 2).repeat_interleave(columns, 3) > 0
    before = model.predict(images, map_override=map_).argmax(1)
    after = model.predict(torch.where(bought, images, others), map_override=map_).argmax(1)
    facts.setdefault("changed_by_other_pixels", []).append((before != after).float())
    facts.setdefault("object_bought", []).append((bought & masks).sum((1, 2, 3)) / masks.sum((1, 2, 3)).clamp(min=1))
    facts.setdefault("pixels_bought", []).append(bought.float().mean((1, 2, 3)))
    controlled = control_maps(model, images, masks)
    places = {f"at/{name}": model.predict(images, map_override=each) for name, each in controlled.items()}
    places["at/whole"] = model.predict(images, map_override=torch.ones_like(map_))
    return {name: each.argmax(1) for name, each in places.items()}


def measure_set(name: str, seeds: list[int], runs: Path) -> dict[str, Any]:
    """All arms of all seeds, and their differences."""
    cells: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS[name]}
    for seed in seeds:
        if EPOCHS[name][0]:
            set_cell(name, "start", seed, runs)
        for arm, own in cells.items():
            own.append(set_cell(name, arm, seed, runs))
    return summary(cells, seeds)


def measure_clutter(runs: Path) -> dict[str, Any]:
    """The cells that glance.py has left there: trained networks, tested as those of the other sets are."""
    names = [arm for arm in ("whole", "crop", "masked") if (runs / f"{arm}-0" / "cell.json").exists()]
    seeds = [seed for seed in range(5) if all((runs / f"{arm}-{seed}" / "cell.json").exists() for arm in names)]
    if not {"whole", "crop"} <= set(names):
        raise SystemExit(f"{runs}: no cells of seed 0; run benchmarks/glance.py --runs {runs} first")
    options = load_recipe(runs / f"whole-{seeds[0]}" / "recipe.yaml").data.options
    split = open_data("clutter", **options).test
    cells = {
        arm: [
            tested_rest(AttentiveClassifier.from_pretrained(runs / f"{arm}-{seed}" / "model"), split) for seed in seeds
        ]
        for arm in names
    }
    return summary(cells, seeds)


def summary(cells: Mapping[str, list[dict[str, Any]]], seeds: list[int]) -> dict[str, Any]:
    """Mean over seeds of each value with an interval where there are two or more; differences paired by seed."""
    over: Callable[[list[float]], dict[str, float]] = lambda values: (  # noqa: E731
        interval(values) if len(values) > 1 else {"value": values[0]}
    )
    arms = {arm: {key: over([each[key] for each in own]) for key in own[0]} for arm, own in cells.items()}
    differences = {
        f"{one}_minus_{other}": over([a["same"] - b["same"] for a, b in zip(cells[one], cells[other], strict=True)])
        for one in cells
        for other in cells
        if one in ("crop", "masked") and other not in ("crop", "masked")
    }
    lost = {
        arm: {kind: over([each["same"] - each[kind] for each in own]) for kind in LOSSES} for arm, own in cells.items()
    }
    return {"seeds": seeds, "arms": arms, "differences": differences, "lost": lost}


def main_of_set(name: str, seeds: list[int], runs: Path) -> None:
    """Measures one set and adds it to what the record has of others."""
    path = ROOT / "results" / "glance_sets.json"
    known = json.loads(path.read_text())["values"] if path.exists() else {}
    found = measure_clutter(runs) if name == "clutter" else measure_set(name, seeds, runs)
    print(json.dumps(found, indent=1))
    notes = (
        f"at most {IMAGES} test images of each set; each set has its own seeds; intervals over seeds (Student), none "
        "of one seed; swapped, corrupted: outside the object's box, by another image's pixels or by Gaussian noise of "
        f"standard deviation {NOISE}; changed_by_other_pixels: predictions that change when what was not bought is "
        "another image's, map frozen; at/: the look of a glance at other places; seeds in values"
    )
    print(record("glance_sets", known | {name: found}, seeds=found["seeds"], notes=notes))
