"""Amortised IBA on networks with ImageNet weights that stay as they are: does it keep the class, at how many bits, how
much faster than IBA by optimisation, and are its maps as faithful and as well placed as those of IBA and Grad-CAM?

    REGARD_DATA=... python benchmarks/amortized_iba.py [--learn 256] [--images 100] [--iba 28] [--steps 150]

EfficientNet-Lite0, -Lite1 and -Lite2, each on photographs of birds with boxes (CUB) and on photographs of salient
objects with masks (ECSSD); a map learns from ``--learn`` images without labels, all numbers are of ``--images`` others.
IBA and Grad-CAM are measured on the first ``--iba`` of these, and differences are paired by image. Times are
of processor time, taken in turns, one image at a time. What is finished is not computed again: it lies in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import record, seconds_in_turns
from regard.data import evenly_spaced, open_data
from regard.explain import AmortizedIba, ChannelStatistics, channel_statistics, explain, learn_amortized_iba
from regard.explain.context import ExplainContext, preserve_state
from regard.explain.split import SplitNetwork
from regard.files import write_json
from regard.judge import open_subject
from regard.metrics import Removal, batch_masks, energy_inside, lerf_morf_gap, paired_difference, pointing_game
from regard.models import AttentiveClassifier
from regard.types import Map

NETWORKS = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2")
SETS = ("cub", "ecssd")
KEEP, TARGET_KEPT, TARGET_FASTER = 0.99, 0.98, 20.0
BASELINES = ("mean", "blur")
DRAWS = 4


def kept_shares(model: AttentiveClassifier, learned: AmortizedIba, images: Tensor) -> dict[str, Tensor]:
    """Whether each image keeps its class: by the mean, and the share of some samples of the noise that do."""
    split = SplitNetwork(model, learned.facts.layer, model.shape)
    kept: dict[str, list[Tensor]] = {"mean": [], "sample": []}
    for part in images.split(20):
        output, own = split.whole(part)
        features, classes = split.features(output), own.argmax(1)
        for name, samples in (("mean", 0), ("sample", DRAWS)):
            logits = split.logits(learned.attention(features, samples=samples).features)
            same = logits.argmax(1).reshape(max(samples, 1), -1) == classes
            kept[name].append(same.float().mean(0))
    return {name: torch.cat(parts) for name, parts in kept.items()}


def scores(model: AttentiveClassifier, images: Tensor, masks: Tensor, map: Map) -> dict[str, Tensor]:
    """Gap between the orders of deletion, and place, per image; places on the grid of the images."""
    classes = model.predict(images).argmax(1)
    found = {
        f"gap_{baseline}": lerf_morf_gap(
            model.predict, images, map, classes, removal=Removal(baseline=baseline, steps=6)
        ).gap
        for baseline in BASELINES
    }
    return found | {"energy": energy_inside(map, masks, negative="clip"), "pointing": pointing_game(map, masks).float()}


def cell(network: str, data: str, options: argparse.Namespace) -> dict[str, Any]:
    """One network on one data set."""
    model = open_subject(network).model
    splits = open_data(data, size=model.shape[1])
    train, test = splits.train, splits.test
    seen = train.batch(evenly_spaced(len(train), options.learn)).images
    batch = test.batch(evenly_spaced(len(test), options.images))
    images, masks = batch.images, batch_masks(batch)
    assert masks is not None
    start = time.process_time()
    learned = learn_amortized_iba(model, seen, keep=KEEP, steps=options.steps)
    seconds = time.process_time() - start
    layer = learned.facts.layer
    reference: ChannelStatistics = channel_statistics(model, seen[:64], layer=layer)
    few, few_masks = images[: options.iba], masks[: options.iba]
    with preserve_state(model), torch.no_grad():
        own = learned(ExplainContext(model, images))
        kept = kept_shares(model, learned, images)
    maps = {"amortized_iba": Map(own.values[: len(few)], "bits")}
    maps["iba"] = explain(model, few, "iba", layer=layer, reference=reference)
    maps["grad_cam"] = explain(model, few, "grad_cam")
    values = {name: scores(model, few, few_masks, map) for name, map in maps.items()}
    one = images[:1]
    target = model.predict(one).argmax(1)
    work = {
        "amortized_iba": lambda: explain(model, one, "amortized_iba", learned=learned),
        "iba": lambda: explain(model, one, "iba", target=target, layer=layer, reference=reference),
    }
    times = {
        name: statistics.median(each)
        for name, each in seconds_in_turns(work, options.repeats, clock=time.process_time).items()
    }
    return {
        "layer": layer,
        "facts": vars(learned.facts),
        "learned_in_seconds": seconds,
        "images": len(images),
        "bits": float(own.values.flatten(1).sum(1).mean()),
        "kept": {name: interval(each) for name, each in kept.items()},
        "seconds_an_image": times,
        "times_faster": times["iba"] / times["amortized_iba"],
        "area": float(few_masks.float().mean()),
        "iba_bits": float(maps["iba"].values.flatten(1).sum(1).mean()),
        "scores": {name: {key: float(x.nanmean()) for key, x in each.items()} for name, each in values.items()},
        "minus": {
            other: {key: difference(values["amortized_iba"][key], values[other][key]) for key in values[other]}
            for other in values
            if other != "amortized_iba"
        },
    }


def interval(values: Tensor) -> dict[str, float]:
    """Mean with a 95 % bootstrap interval over images."""
    return difference(values, torch.zeros_like(values))


def difference(first: Tensor, second: Tensor) -> dict[str, float]:
    """Mean paired difference with a 95 % bootstrap interval over images."""
    d = paired_difference(first, second, draws=2000)
    return {"mean": d.mean, "low": d.low, "high": d.high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learn", type=int, default=256)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--iba", type=int, default=28)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/amortized-iba"))
    options = parser.parse_args()
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cub50 and ecssd")
    torch.set_num_threads(1)
    settings = {name: getattr(options, name) for name in ("learn", "images", "iba", "steps", "repeats")}
    tables: dict[str, Any] = {}
    for network in NETWORKS:
        for data in SETS:
            file = options.out / f"{network}-{data}.json"
            kept = json.loads(file.read_text()) if file.exists() else {}
            if kept.get("settings") != settings:
                kept = {"settings": settings} | cell(network, data, options)
                write_json(file, json.loads(json.dumps(kept)), parents=True)
            tables[f"{network} {data}"] = kept
            faster = f"{kept['times_faster']:.0f} times"
            print(f"{network} {data}: {kept['bits']:.0f} bits, kept {kept['kept']}, {faster}")
    notes = (
        "the class is that which the network predicts; kept by the mean, and by one sample (4 draws an image); gap: "
        "area of deletion, least relevant first minus most relevant first; energy and pointing of boxes (cub) and "
        "masks (ecssd); minus: amortized_iba minus the other, paired, 95 % bootstrap interval over images; grad_cam at "
        "the last layer with positions; seconds of processor time, one thread"
    )
    targets = {"kept": TARGET_KEPT, "times_faster": TARGET_FASTER}
    record("amortized_iba", {"keep": KEEP, "targets": targets, "cells": tables}, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
