"""Can a glance in low resolution choose the quarter of the pixels that a look needs? Clutter with small digits.

    python benchmarks/glance.py [--seeds 5] [--workers 1] [--runs runs/glance]
    python benchmarks/glance.py --set mosaics [--seeds 5] [--runs runs/glance]    (or cub50: see glance_sets.py)

For every seed the plain network learns on whole images of 96 pixels for 4 epochs. From there go on, for 9
more epochs each:

    whole            the plain network
    crop, masked     a glance (half of the side) that buys a quarter of the pixels: one window in full resolution, or
                     single patches, the rest of the image at zero
    random, center   the same as crop with the window at random places, or in the middle
    grid             the same as masked with single patches spread evenly
    even             the plain network on whole images of half the resolution, enlarged again: as many values
    small            the plain network on whole images of half the resolution: as much computation as crop's look

All are tested on the same 1,000 images, on these with smooth noise in colour around the digit's strokes, and with the
pixels that were not bought replaced by another image's while the map is frozen. ``box`` is crop with its window on the
object, an oracle. What is finished is not run again; a cell with fewer values than are asked for is tested again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from common import ROOT, accuracy, grid_options, record
from gate_budgets import interval
from glance_sets import main_of_set
from regard.data import Split, TensorSplit, open_data
from regard.files import write_json
from regard.metrics import controls
from regard.models import AttentiveClassifier, GlanceClassifier
from regard.training import Recipe, load_recipe, override, plain_twin, train_with_twin
from when import backgrounds

SIZE, PATCH, SHARE = 96, 8, 0.25
START, MORE = 4, 9
ARMS: dict[str, dict[str, str]] = {
    "crop": {"view": "crop"},
    "masked": {"view": "masked"},
    "random": {"view": "crop", "places": "random"},
    "center": {"view": "crop", "places": "center"},
    "grid": {"view": "masked", "places": "grid"},
}
DATA = {"size": SIZE, "side": [0.2, 0.25], "train": 6000, "val": 500, "test": 1000}
PLAIN = ("whole", "even", "small")
VALUES = {"same", "unseen"}
VALUES_OF_A_GLANCE = VALUES | {"changed_by_other_pixels", "object_bought", "pixels_bought"}
MINUS = {
    "crop_minus_whole": ("crop", "whole"),
    "masked_minus_whole": ("masked", "whole"),
    "crop_minus_random": ("crop", "random"),
    "crop_minus_center": ("crop", "center"),
    "masked_minus_grid": ("masked", "grid"),
    "crop_minus_even": ("crop", "even"),
    "crop_minus_small": ("crop", "small"),
    "masked_minus_even": ("masked", "even"),
    "box_minus_crop": ("box", "crop"),
}


def recipe(arm: str, seed: int, start: Path) -> Recipe:
    """Of one arm of one seed."""
    common = {"data.options": DATA, "train.seed": seed, "train.threads": 1, "train.accelerator": "cpu"}
    base = override(load_recipe(ROOT / "src/regard/recipes/glance-clutter.yaml"), common)
    base = replace(base, model=replace(base.model, init=None), twin=False, train=replace(base.train, plain_epochs=0))
    plain = plain_twin(base)
    if arm == "start":
        return replace(plain, train=replace(plain.train, epochs=START))
    if arm in PLAIN:
        base = plain
    else:
        base = override(
            base, {"model.attention_options": {"patch": PATCH, **ARMS[arm]}, "objective.kept_budget": SHARE}
        )
    return replace(base, model=replace(base.model, init=str(start)), train=replace(base.train, epochs=MORE))


def cell(arm: str, seed: int, runs: Path) -> dict[str, float]:
    """Trains and tests what is missing of a cell."""
    folder = runs / f"{arm}-{seed}"
    path = folder / "cell.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if not (VALUES_OF_A_GLANCE if arm in ARMS else VALUES) <= known.keys():
        torch.set_num_threads(1)
        began, data = time.process_time(), open_data("clutter", None, **DATA)
        shown = {"even": enlarged_half, "small": half}.get(arm, lambda images: images)
        assert isinstance(data.train, TensorSplit)
        data = replace(data, train=replace(data.train, images=shown(data.train.images), masks=None))
        if not known:
            train_with_twin(recipe(arm, seed, runs / f"start-{seed}"), folder, quiet=True, data=data)
        model = AttentiveClassifier.from_pretrained(folder / "model").to(memory_format=torch.channels_last)
        known = {"processor_seconds": time.process_time() - began} | known | tested(model, data.test, shown)
        write_json(path, known)
        print(arm, seed, {name: round(value, 3) for name, value in known.items()}, flush=True)
    return known


def half(images: Tensor) -> Tensor:
    """Images (N,C,H,W), bytes or floats, of half the resolution."""
    small = F.avg_pool2d(images.float(), 2)
    return small.round().to(torch.uint8) if images.dtype == torch.uint8 else small


def enlarged_half(images: Tensor) -> Tensor:
    """The same in the size that they had."""
    small = F.avg_pool2d(images.float(), 2)
    large = F.interpolate(small, scale_factor=2, mode="bilinear")
    return large.round().to(torch.uint8) if images.dtype == torch.uint8 else large


def tested(model: AttentiveClassifier, split: Split, shown: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """Accuracies on the test images as they are ``shown``; of a glance, what was bought and what the rest changes."""
    partner, unseen = controls.derangement(len(split), seed=0), dict(backgrounds(split))["unseen"]
    assert unseen is not None
    values = {
        "same": accuracy(model, split, lambda images, rows, batch: shown(images)),
        "unseen": accuracy(model, split, lambda *given: shown(unseen(*given))),
    }
    if not isinstance(model, GlanceClassifier):
        return values
    changed, on_object, of_pixels, hits = [], [], [], []
    for rows in torch.arange(len(split)).split(100):
        batch = split.batch(rows)
        map_ = model.explain(batch.images).values
        bought = map_.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3) > 0
        before = model.predict(batch.images).argmax(1)
        others = torch.where(bought, batch.images, split.batch(partner[rows]).images)
        changed.append(model.predict(others, map_override=map_).argmax(1) != before)
        on_object.append((bought & batch.masks).sum((1, 2, 3)) / batch.masks.sum((1, 2, 3)).clamp(min=1))
        of_pixels.append(bought.float().mean((1, 2, 3)))
        hits.append(
            model.predict(batch.images, map_override=on_the_object(model, batch.masks)).argmax(1) == batch.labels
        )
    values |= {
        "changed_by_other_pixels": float(torch.cat(changed).sum()),
        "object_bought": float(torch.cat(on_object).mean()),
        "pixels_bought": float(torch.cat(of_pixels).mean()),
    }
    return values | ({"box": float(torch.cat(hits).float().mean())} if model.view == "crop" else {})


def on_the_object(model: GlanceClassifier, masks: Tensor) -> Tensor:
    """Map (B,1,h,w) of the window whose middle is nearest to that of the object's mask."""
    inside = F.avg_pool2d(masks.float(), PATCH)[:, 0]
    lines = []
    for axis, length in zip((1, 2), model.attention.window, strict=True):
        line, places = inside.sum(3 - axis), torch.arange(inside.shape[axis])
        middle = (line * (places + 0.5)).sum(1) / line.sum(1).clamp(min=1e-9)
        first = (middle - length / 2).round().clamp(0, len(places) - length)[:, None]
        lines.append((places >= first) & (places < first + length))
    return (lines[0][:, :, None] & lines[1][:, None]).float()[:, None]


def main_of_other_set() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("mosaics", "cub50", "clutter"), required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs/glance"))
    options = parser.parse_args()
    main_of_set(options.set, list(range(options.seeds)), options.runs)


def main() -> None:
    if "--set" in sys.argv:
        main_of_other_set()
        return
    options = grid_options(__doc__, (), Path("runs/glance"))
    seeds, arms = range(options.seeds), (*PLAIN, *ARMS)
    with ProcessPoolExecutor(options.workers) as pool:
        starts = [pool.submit(cell, "start", seed, options.runs) for seed in seeds]
        cells = {}
        for seed, start in zip(seeds, starts, strict=True):
            start.result()
            cells |= {(arm, seed): pool.submit(cell, arm, seed, options.runs) for arm in arms}
        results = {key: future.result() for key, future in cells.items()}
    by_arm = {arm: [results[arm, seed] for seed in seeds] for arm in arms}
    same = {arm: [each["same"] for each in cells] for arm, cells in by_arm.items()}
    same["box"] = [each["box"] for each in by_arm["crop"]]
    values = {
        "accuracy": {arm: interval(each) for arm, each in same.items()},
        "difference": {
            name: interval([a - b for a, b in zip(same[one], same[other], strict=True)])
            for name, (one, other) in MINUS.items()
        },
        "lost_on_unseen_backgrounds": {
            arm: interval([each["same"] - each["unseen"] for each in cells]) for arm, cells in by_arm.items()
        },
        "object_bought": {arm: interval([each["object_bought"] for each in by_arm[arm]]) for arm in ARMS},
        "pixels_bought": {arm: by_arm[arm][0]["pixels_bought"] for arm in ARMS},
        "changed_by_other_pixels": {arm: sum(each["changed_by_other_pixels"] for each in by_arm[arm]) for arm in ARMS},
        "predictions_tested": len(seeds) * DATA["test"],
    }
    for name, difference in values["difference"].items():
        print(name, {key: round(value, 3) for key, value in difference.items()})
    notes = (
        f"clutter, {SIZE} pixels, digits of .2 to .25 of the side; compact; {SHARE} of the pixels; 1,000 test images; "
        "intervals over seeds (Student), differences paired by seed; changed_by_other_pixels counts predictions that "
        "change when what was not bought is another image's, map frozen, out of predictions_tested"
    )
    print(record("glance", values, seeds=seeds, notes=notes))


if __name__ == "__main__":
    main()
