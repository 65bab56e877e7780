"""Deletion, insertion and the gap between both orders, with each baseline; pixel exclusion; drop; infidelity."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from regard.evaluation.judging.case import Case, Measure
from regard.metrics import Removal, controls, drop, exclusion, infidelity, insertion, lerf_morf_gap
from regard.metrics.imputation import Baseline
from regard.types import Map

FLOOR_NAMES = {"random": "random, same bandwidth", "centre": "centre map"}
BASELINE_NAMES = {"mean": "mean colour", "blur": "blurred", "noisy_linear": "imputed"}


def beside(case: Case, judge: Callable[[Map], Any]) -> dict[str, Any]:
    """What `judge` says of the case's maps, under "", and of their floors, under the floors' names."""
    floors = controls.floors(case.map, index=case.index.cpu(), seed=case.options.seed)
    return {"": judge(case.map)} | {FLOOR_NAMES[name]: judge(floor) for name, floor in floors.items()}


def measure(
    found: dict[str, Any], of: Callable[[Any], Tensor], key: str, label: str, meaning: str, **rest: Any
) -> Measure:
    """One number out of what `beside` found."""
    values = {name: of(result) for name, result in found.items()}
    return Measure(key, label, meaning, values.pop(""), values, **rest)


def paths(case: Case, baseline: Baseline) -> list[Measure]:
    """Areas under deletion and insertion, and LeRF minus MoRF; with imputed pixels that is ROAD, which returns none."""
    how = Removal(
        steps=case.options.steps, baseline=baseline, batch_size=case.options.batch_size, seed=case.options.seed
    )
    arguments = (case.predict, case.images)
    gaps = beside(case, lambda m: lerf_morf_gap(*arguments, m, case.classes, removal=how))
    name = BASELINE_NAMES[baseline]
    road = baseline == "noisy_linear"
    rows = [
        measure(
            gaps,
            lambda g: g.gap,
            f"gap_{baseline}",
            "ROAD: LeRF minus MoRF, imputed" if road else f"LeRF minus MoRF, {name}",
            "Area between removing the least and the most relevant pixels first.",
            better="higher",
        ),
        measure(
            gaps,
            lambda g: g.morf.area,
            f"deletion_{baseline}",
            f"Deletion, {name}",
            "Area under the class's probability while the most relevant pixels leave first.",
            better="lower",
        ),
    ]
    if road:
        return rows
    back = beside(case, lambda m: insertion(*arguments, m, case.classes, removal=how))
    said = "The same while they return first."
    return [
        *rows,
        measure(back, lambda c: c.area, f"insertion_{baseline}", f"Insertion, {name}", said, better="higher"),
    ]


def drops(case: Case) -> list[Measure]:
    """Average drop and increase, beside the share of the image that the mask keeps."""
    size = case.options.batch_size
    found = beside(case, lambda m: drop(case.predict, case.images, m, case.classes, batch_size=size))
    make = partial(measure, found, undefined="map constant, or class without probability")
    less, more = "Share of the probability lost behind the map.", "Share of images with more probability behind it."
    kept = "Mean of the mask: one that keeps all drops nothing."
    return [
        make(lambda d: d.drop, "drop", "Average drop", less, better="lower"),
        make(lambda d: d.increase, "increase", "Increase", more, better="higher"),
        make(lambda d: d.kept, "kept", "Kept by the mask", kept),
    ]


def infidelities(case: Case) -> list[Measure]:
    """Captum's infidelity, each map on the scale that suits it best."""
    o = case.options
    arguments: dict[str, Any] = {"draws": o.draws, "batch_size": o.batch_size, "seed": o.seed}
    found = beside(case, lambda m: infidelity(case.predict, case.images, m, case.classes, **arguments))
    said = "Error of the map's mass in a square as a forecast of the fall in probability without it."
    return [measure(found, lambda v: v, "infidelity", "Infidelity", said, better="lower")]


def exclusions(case: Case) -> list[Measure]:
    """Flips and KL where another image stands outside, over the attended share."""
    o = case.options
    others = case.images[controls.derangement(len(case.images), seed=o.seed).to(case.images.device)]
    arguments = (case.predict, case.images)

    def ask(map: Map) -> Any:
        frozen = case.frozen if map is case.map else None
        return exclusion(*arguments, map, others, frozen=frozen, steps=o.steps, batch_size=o.batch_size)

    found = beside(case, ask)
    make = partial(measure, found)
    where = "another image outside, over all attended shares"
    rows = [
        make(
            lambda e: torch.trapezoid(e.recomputed.flips, e.shares),
            "exclusion_flips",
            "Exclusion: flips",
            f"Share of predictions that change with {where}.",
            better="lower",
        ),
        make(
            lambda e: torch.trapezoid(e.recomputed.kl, e.shares),
            "exclusion_kl",
            "Exclusion: KL, nats",
            f"KL from the prediction with {where}.",
            better="lower",
        ),
    ]
    own = found[""]
    if own.frozen is not None:
        for part in ("flips", "kl"):
            frozen = torch.trapezoid(getattr(own.frozen, part), own.shares)
            free = torch.trapezoid(getattr(own.recomputed, part), own.shares)
            label = f"Exclusion, map frozen: {'flips' if part == 'flips' else 'KL, nats'}"
            meaning = "The same while the network keeps the map of the unchanged image."
            rows.append(Measure(f"exclusion_frozen_{part}", label, meaning, frozen, {"map recomputed": free}, "lower"))
    return rows
