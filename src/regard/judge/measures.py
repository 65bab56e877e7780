"""The metrics of a judgement by name; each turns a case into one or more measures with floors and controls.

Faithfulness: deletion, insertion and the gap between both orders with each baseline; drop; infidelity; exclusion. The
floors are the map's own values, rearranged at random or with the largest at the centre.

Location: the map's mass and maximum on the object, for data with masks or boxes. It does not show what the network
uses.

Sanity: similarity to the map of a network with randomised parameters, or trained on shuffled labels.

Consistency: similarity of maps under changes that should not matter. A constant map is perfect there, so it is the
control; the floor is another image's map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regard import metrics
from regard.evaluation import GRID_CEILING, changed_images, tolerance
from regard.judge.case import Case, Measure
from regard.judge.randomization import randomized, stages
from regard.judge.removal import combined, fine_tuned, inpainted, measure_of, paths, with_floors
from regard.types import Explain, Map, RegardError

_OTHER, CONSTANT, UNRELATED = "another image's map", "constant map", "unrelated maps"
_FLAT, _ZERO = "map constant", "map all zero"  # why a value is undefined
_DRAWS = 5  # draws of infidelity over draws of sensitivity


def drops(case: Case) -> list[Measure]:
    """Average drop and increase, and the share of the image that the mask keeps."""
    size = case.options.batch_size
    results = with_floors(case, lambda m: metrics.drop(case.predict, case.images, m, case.classes, batch_size=size))
    make = partial(measure_of, results, undefined="map constant, or class without probability")
    less, more = "Share of the probability lost behind the map.", "Share of images with more probability behind it."
    kept = "Mean of the mask: one that keeps all drops nothing."
    return [
        make(lambda d: d.drop, "drop", "Average drop", less, better="lower"),
        make(lambda d: d.increase, "increase", "Increase", more, better="higher"),
        make(lambda d: d.kept, "kept", "Kept by the mask", kept),
    ]


def infidelities(case: Case) -> list[Measure]:
    """Infidelity (Yeh et al. 2019), each map on its best-fitting scale."""
    o = case.options
    arguments: dict[str, Any] = {"draws": o.draws, "batch_size": o.batch_size, "seed": o.seed}
    results = with_floors(case, lambda m: metrics.infidelity(case.predict, case.images, m, case.classes, **arguments))
    meaning = "Error of the map's mass in a square as a forecast of the fall in probability without it."
    return [measure_of(results, lambda v: v, "infidelity", "Infidelity", meaning, better="lower")]


def exclusions(case: Case) -> list[Measure]:
    """Flips and KL with another image outside the attended region, over its share."""
    o = case.options
    others = case.images[metrics.controls.derangement(len(case.images), seed=o.seed).to(case.images.device)]

    def excluded(map: Map) -> Any:
        how: dict[str, Any] = {"steps": o.steps, "batch_size": o.batch_size}
        frozen = case.frozen if map is case.map else None
        return metrics.exclusion(case.predict, case.images, map, others, frozen=frozen, **how)

    def area(part: str, which: str, exclusion: Any) -> Tensor:
        return torch.trapezoid(getattr(getattr(exclusion, which), part), exclusion.shares)

    results = with_floors(case, excluded)
    where = "another image outside, over all attended shares"
    names = {"flips": "flips", "kl": "KL, nats"}
    meanings = (f"Share of predictions that change with {where}.", f"KL from the prediction with {where}.")
    rows = [
        measure_of(
            results, partial(area, part, "recomputed"), f"exclusion_{part}", f"Exclusion: {name}", m, better="lower"
        )
        for (part, name), m in zip(names.items(), meanings, strict=True)
    ]
    if results[""].frozen is None:
        return rows
    meaning = "The same while the network keeps the map of the unchanged image."
    for part, free in zip(names, tuple(rows), strict=True):
        label, frozen = f"Exclusion, map frozen: {names[part]}", area(part, "frozen", results[""])
        floors = {"map recomputed": free.values}
        rows.append(Measure(f"exclusion_frozen_{part}", label, meaning, frozen, floors, "lower"))
    return rows


def location(case: Case) -> list[Measure]:
    """AUC and energy inside the object, with the object's share of the area, and the pointing game.

    AUC and pointing compare methods whatever their units and grids; the control of AUC is the object's own mask on the
    map's grid. Energy has the unit in its key: it is compared within one unit.

    Raises:
        RegardError: the data has no masks or boxes.
    """
    if case.masks is None:
        raise RegardError("this data has neither masks nor boxes")
    masks = case.masks.to(case.map.values.device)
    wide = metrics.dilate(masks, tolerance(masks))
    ranks = with_floors(case, partial(metrics.auc_inside, masks=masks))
    energy = with_floors(case, partial(metrics.energy_inside, masks=masks, negative="clip"))
    pointing = with_floors(case, partial(metrics.pointing_game, masks=wide))
    share, hit = "Share of the map inside.", "Whether its maximum lies on the object, a 24th of the side allowed."
    make = partial(measure_of, better="higher", undefined="no object, or map without mass")
    unit, grid = case.map.unit, (case.map.values.shape[-2], case.map.values.shape[-1])
    inside = make(energy, lambda v: v, f"energy_{unit}", f"Energy on the object, {unit}", share)
    higher = "Chance that the map is higher on the object than elsewhere."
    auc = make(ranks, lambda v: v, "auc_object", "Object against other pixels (AUC)", higher)
    best = metrics.auc_inside(Map(F.adaptive_avg_pool2d(masks.float(), grid), "relevance"), masks)
    auc = replace(auc, controls={GRID_CEILING: best.nanmean().item()})
    floors = {**inside.floors, "area share": metrics.area_share(masks).to(inside.values)}
    return [auc, replace(inside, floors=floors), make(pointing, lambda v: v, "pointing", "Pointing game", hit)]


def consistencies(case: Case) -> list[Measure]:
    """The interpretability score under four changes and three thresholds."""
    case = case.few()
    o, x = case.options, case.images
    words = {"colour": "a window painted", "content": "a window overwritten", "low": "low pass", "high": "high pass"}
    meaning = "Share of maps that stay, whether or not the prediction does."
    rows = []
    for key, changed in changed_images(x, case.index, seed=o.seed).items():
        compare = partial(metrics.consistency, case.predict, batch_size=o.batch_size)
        results = compare(case.explain, x, changed, case.classes)
        chance = metrics.Consistency(results.same, _another(case, metrics.cosine).to(results.similarity.device))
        fixed = compare(metrics.constant_map, x, changed, case.classes)
        for threshold in metrics.CONSISTENCY_THRESHOLDS:
            name, label = f"consistent_{key}_{round(100 * threshold)}", f"Consistent above {threshold:g}: {words[key]}"
            floors, control = {_OTHER: chance.score(threshold)}, {CONSTANT: fixed.score(threshold).nanmean().item()}
            undefined, values = _ZERO, results.score(threshold)
            rows.append(Measure(name, label, meaning, values, floors, "higher", control, undefined))
    return rows


def equivariances(case: Case) -> list[Measure]:
    """Rank correlation under each warp, and the mean cosine, which is 1 for a constant map."""
    case = case.few()
    move = partial(metrics.equivariance, images=case.images, classes=case.classes)
    results = {
        name: move(case.explain, warp=warp, batch_size=case.options.batch_size) for name, warp in metrics.WARPS.items()
    }
    ranks, meaning = _another(case, metrics.spearman), "Rank correlation of the moved image's map with the moved map."
    rows = [
        Measure(
            f"equivariance_{name}",
            f"Equivariance, {name}",
            meaning,
            alike.spearman,
            {_OTHER: ranks},
            "higher",
            None,
            _FLAT,
        )
        for name, alike in results.items()
    ]
    mean = torch.stack([alike.cosine for alike in results.values()]).mean(0)
    fixed = [move(metrics.constant_map, warp=warp).cosine for warp in metrics.WARPS.values()]
    control = {CONSTANT: torch.stack(fixed).mean().item()}
    floor = {_OTHER: _another(case, metrics.cosine)}
    meaning = "Mean cosine over all four."
    cosines = Measure("equivariance_cosine", "Equivariance, cosine", meaning, mean, floor, "higher", control, _ZERO)
    return [*rows, cosines]


def stabilities(case: Case) -> list[Measure]:
    """Cosine of the maps of an image and of the same image with noise, or after JPEG compression."""
    case = case.few()
    x, o = case.images, case.options

    def similarity(explain: Explain, changed: Tensor) -> Tensor:
        return metrics.stability(explain, x, changed, case.classes, batch_size=o.batch_size)

    rows = []
    for key, words, changed in (
        ("noise", "noise of .05", metrics.noise(x, index=case.index, seed=o.seed)),
        ("jpeg", "JPEG, quality 50", metrics.jpeg(x)),
    ):
        label, meaning = f"Stability under {words}", "Cosine of the maps before and after."
        floor, values = {_OTHER: _another(case, metrics.cosine)}, similarity(case.explain, changed)
        control = {CONSTANT: similarity(metrics.constant_map, changed).mean().item()}
        rows.append(Measure(f"stability_{key}", label, meaning, values, floor, "higher", control, _ZERO))
    return rows


def sensitivities(case: Case) -> list[Measure]:
    """Max-sensitivity (Yeh et al. 2019); its floor is the distance of two random maps of the same bandwidth."""
    case = case.few()
    o, index = case.options, case.index.cpu()
    how: dict[str, Any] = {"draws": max(1, o.draws // _DRAWS), "batch_size": o.batch_size, "seed": o.seed}
    own = metrics.max_sensitivity(case.explain, case.images, case.classes, **how)
    a, b = (metrics.controls.random_like(case.map, index=index, seed=o.seed + k).values for k in (0, 1))
    unrelated = (a - b).flatten(1).norm(dim=1) / a.flatten(1).norm(dim=1)
    meaning = "Largest change of the map under noise within .02, relative to the map."
    floor = {"unrelated random map": unrelated.to(own)}
    return [Measure("sensitivity", "Max-sensitivity", meaning, own, floor, "lower", {CONSTANT: 0.0}, _ZERO)]


def _another(case: Case, alike: Callable[[Map, Map], Tensor]) -> Tensor:
    """Similarity of each image's map with another image's."""
    return alike(case.map, metrics.controls.permuted(case.map, seed=case.options.seed))


def parameter_sanity(case: Case) -> list[Measure]:
    """Similarity after randomisation of all stages from one to the output, or of one stage alone."""
    case = case.few()
    names = stages(case.network)
    at = sorted({round(k) for k in torch.linspace(0, len(names) - 1, min(case.options.stages, len(names))).tolist()})
    seed = case.options.seed
    cascade = [_compare(case, randomized(case.network, names[first:], seed=seed)) for first in reversed(at)]
    alone = [_compare(case, randomized(case.network, [names[k]], seed=seed)) for k in at]
    return [
        *_sanity_measures(cascade[-1:], "cascade_all", "All parameters randomised"),
        *_sanity_measures(cascade, "cascade_mean", f"Randomised from the output on, mean of {len(at)} depths"),
        *_sanity_measures(alone, "independent", f"One stage randomised, mean of {len(at)}"),
    ]


def label_sanity(case: Case) -> list[Measure]:
    """Similarity to the maps of a network of the same kind that was trained on shuffled labels.

    Raises:
        RegardError: no such network was given.
    """
    if case.twin is None:
        raise RegardError("a network trained on shuffled labels is needed; give it as --shuffled RUN")
    return _sanity_measures([_compare(case.few(), case.twin)], "labels", "Labels shuffled in training")


def _compare(case: Case, network: nn.Module) -> metrics.Sanity:
    o, index = case.options, case.index.cpu()
    how: dict[str, Any] = {"index": index, "before": case.map, "batch_size": o.batch_size, "seed": o.seed}
    return metrics.sanity(case.explain, case.on(network), case.images, case.classes, **how)


def _sanity_measures(results: list[metrics.Sanity], key: str, words: str) -> list[Measure]:
    """Means over several changed networks: rank correlation and SSIM."""
    rows = []
    meaning = "Similarity of the map to that of the changed network; at the floor, the map depends on what was learned."
    for part, name in (("spearman", "rank correlation"), ("ssim", "SSIM")):
        same, floor, own = (
            torch.stack([getattr(getattr(s, which), part) for s in results]).mean(0)
            for which in ("same", "floor", "likeness")
        )
        floors = {UNRELATED: floor, _OTHER: same}
        rows.append(Measure(f"{key}_{part}", f"{words}: {name}", meaning, own, floors, "lower", undefined=_FLAT))
    return rows


@dataclass(frozen=True)
class Metric:
    """A metric of a judgement.

    Attributes:
        run: case -> one or more measures.
        group: the section in which it is shown.
        summary: the question that it answers.
    """

    run: Callable[[Case], list[Measure]]
    group: str
    summary: str


METRICS: Mapping[str, Metric] = {
    "combined": Metric(combined, "faithfulness", "the recommended one: pixels removed, mean over two baselines"),
    "paths_mean": Metric(partial(paths, baseline="mean"), "faithfulness", "pixels removed in the map's order"),
    "paths_blur": Metric(partial(paths, baseline="blur"), "faithfulness", "the same, blurred instead of grey"),
    "road": Metric(partial(paths, baseline="noisy_linear"), "faithfulness", "the same, imputed from neighbours"),
    "inpainted": Metric(inpainted, "faithfulness", "the same, filled by a network that learned it from other images"),
    "f_fidelity": Metric(fine_tuned, "faithfulness", "little removed, from a copy that learned such gaps"),
    "drop": Metric(drops, "faithfulness", "the image seen through the map"),
    "infidelity": Metric(infidelities, "faithfulness", "does the map's mass predict the fall in probability"),
    "exclusion": Metric(exclusions, "faithfulness", "another image outside the attended region"),
    "location": Metric(location, "location", "is the map on the object"),
    "sanity": Metric(parameter_sanity, "sanity", "does the map change with the parameters"),
    "labels": Metric(label_sanity, "sanity", "does it change when labels were shuffled in training"),
    "consistency": Metric(consistencies, "consistency", "does the map stay where the prediction stays"),
    "equivariance": Metric(equivariances, "consistency", "does the map move with the image"),
    "stability": Metric(stabilities, "consistency", "does the map stay under noise and JPEG"),
    "sensitivity": Metric(sensitivities, "consistency", "how far does the map move at most"),
}
"""Name -> metric."""
LEARNING_METRICS = ("inpainted", "f_fidelity")
"""Metrics that learn something first, from images that are not judged."""
