"""Measures of a judgement that remove pixels in a map's order, and the floors that every measure of a map has.

`combined` is what `regard truth` recommends: the gap between both orders, mean over `RECOMMENDED` baselines. On
networks whose truth is known it ranks maps better than any single baseline, as each has another fault. `inpainted` and
`fine_tuned` keep what is shown in the distribution that a network knows; both learn first, from other images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regard import metrics
from regard.judge.case import Case, Measure
from regard.judge.learned import MISSING_IMAGES, RemovalLearner
from regard.report import listed
from regard.types import Map, RegardError

FLOOR_NAMES = {"random": "random, same bandwidth", "center": "centre map"}
RECOMMENDED = ("mean", "black")
"""Baselines of the gap that is recommended; results/truth.json."""
COMBINED_KEY = "gap_combined"
_BASELINE_NAMES = {"mean": "mean colour", "blur": "blurred", "noisy_linear": "imputed", "black": "black"}


def with_floors(case: Case, metric: Callable[[Map], Any]) -> dict[str, Any]:
    """The metric of the case's maps, under "", and of their floors, under the floors' names."""
    floors = metrics.controls.floor_maps(case.map, index=case.index.cpu(), seed=case.options.seed)
    return {"": metric(case.map)} | {FLOOR_NAMES[name]: metric(floor) for name, floor in floors.items()}


def measure_of(
    results: dict[str, Any], part: Callable[[Any], Tensor], key: str, label: str, meaning: str, **rest: Any
) -> Measure:
    """One part of the results of `with_floors`."""
    values = {name: part(result) for name, result in results.items()}
    return Measure(key, label, meaning, values.pop(""), values, **rest)


def paths(case: Case, baseline: metrics.Baseline) -> list[Measure]:
    """Areas under deletion and insertion, and LeRF minus MoRF; with imputed pixels that is ROAD, which returns none."""
    o, name, road = case.options, _BASELINE_NAMES[baseline], baseline == "noisy_linear"
    how = metrics.Removal(steps=o.steps, baseline=baseline, batch_size=o.batch_size, seed=o.seed)
    arguments = (case.predict, case.images)
    gaps = with_floors(case, lambda m: metrics.lerf_morf_gap(*arguments, m, case.classes, removal=how))
    label = "ROAD: LeRF minus MoRF, imputed" if road else f"LeRF minus MoRF, {name}"
    gap = "Area between removing the least (LeRF) and the most relevant pixels first (MoRF)."
    area = "Area under the class's probability while the most relevant pixels leave first."
    rows = [
        measure_of(gaps, lambda g: g.gap, f"gap_{baseline}", label, gap, better="higher"),
        measure_of(gaps, lambda g: g.morf.area, f"deletion_{baseline}", f"Deletion, {name}", area, better="lower"),
    ]
    if not road:
        back = with_floors(case, lambda m: metrics.insertion(*arguments, m, case.classes, removal=how))
        key, label, area = f"insertion_{baseline}", f"Insertion, {name}", "The same while they return first."
        rows.append(measure_of(back, lambda c: c.area, key, label, area, better="higher"))
    return rows


def combined(case: Case) -> list[Measure]:
    """LeRF minus MoRF, the mean over the recommended baselines."""
    o = case.options

    def gaps(map: Map) -> Tensor:
        found = []
        for name in RECOMMENDED:
            baseline: Any = torch.zeros_like(case.images) if name == "black" else name
            how = metrics.Removal(steps=o.steps, baseline=baseline, batch_size=o.batch_size, seed=o.seed)
            found.append(metrics.lerf_morf_gap(case.predict, case.images, map, case.classes, removal=how).gap)
        return torch.stack(found).mean(0)

    names = listed([_BASELINE_NAMES[name] for name in RECOMMENDED])
    label = f"LeRF minus MoRF, mean of {names} (recommended)"
    meaning = "Area between removing the least (LeRF) and the most relevant pixels first (MoRF), mean of the baselines."
    return [measure_of(with_floors(case, gaps), lambda gap: gap, COMBINED_KEY, label, meaning, better="higher")]


def inpainted(case: Case) -> list[Measure]:
    """LeRF minus MoRF where an inpainting network fills in what is removed.

    Raises:
        RegardError: nothing to learn from.
    """
    o = case.options
    how = metrics.Removal(steps=o.steps, baseline=_learner(case).fill, batch_size=o.batch_size, seed=o.seed)
    gaps = with_floors(
        case, lambda m: metrics.lerf_morf_gap(case.predict, case.images, m, case.classes, removal=how).gap
    )
    meaning = "Area between removing the least (LeRF) and the most relevant pixels first (MoRF), filled by a network."
    label = "LeRF minus MoRF, inpainted"
    return [measure_of(gaps, lambda gap: gap, "gap_inpainted", label, meaning, better="higher")]


def fine_tuned(case: Case) -> list[Measure]:
    """F-Fidelity (Zheng et al. 2025) of a copy that was fine-tuned on images with gaps.

    Raises:
        RegardError: nothing to learn from.
    """
    o, learner = case.options, _learner(case)
    how: dict[str, Any] = {"steps": o.steps, "cell": learner.cell, "batch_size": o.batch_size, "seed": o.seed}
    gaps = with_floors(case, lambda m: metrics.f_fidelity(learner.tuned, case.images, m, case.classes, **how).gap)
    meaning = (
        "How much more the probability of a copy, fine-tuned on images with gaps, falls where a random part of what "
        "the map ranks high leaves than where one of what it ranks low does."
    )
    return [measure_of(gaps, lambda gap: gap, "f_fidelity", "F-Fidelity", meaning, better="higher")]


def _learner(case: Case) -> RemovalLearner:
    if case.learner is None:
        raise RegardError(f"it {MISSING_IMAGES}")
    return case.learner
