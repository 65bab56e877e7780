"""One network of the grid: trained, its exclusion proved, and graded on its two sets of images. A cell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.experiments.grid import Cell, Result
from regard.models import GlanceClassifier, open_saved
from regard.truth.grades import grade_maps, grade_names
from regard.truth.learned import LearnedNetworks, learn
from regard.truth.maps import graded_maps, map_names
from regard.truth.methods import EXPLAINERS, explained_map
from regard.truth.network import Held, build_network, changed_outputs, train_network
from regard.truth.relevance import LEAST_EFFECT, TrueRelevance, agreements, cue_share, true_relevance
from regard.truth.worlds import MOST_TEST, MOST_TRAIN, PATCH, SIZE, SetName, WorldData, find_kind, world_data

IMAGES = 6
"""That are graded in every world."""
NETWORK_FOLDER = "network"
"""In a cell's folder: the trained network, as ``save_pretrained`` writes it."""
_PROOF = (40, 25)
"""Images, and replacements of each, that prove exclusion."""


def run_network(cell: Cell, folder: Path) -> Result:
    """Does a cell, the two worlds of one network.

    ``cell.spec`` has ``kind`` and ``images``, and for tests ``train``, ``test``, ``epochs``, ``methods``, ``least``.
    The values say what the network is; the arrays of a set are named ``SET.grades`` and so on, see `grade_world`.
    """
    spec, begin = cell.spec, time.perf_counter()
    torch.set_num_threads(1)
    data, model = trained_network(cell, folder)
    methods = list(spec.get("methods", EXPLAINERS))
    values = {
        "kind": spec["kind"],
        "metrics": list(grade_names()),
        "maps": [*map_names(), *methods],
        "methods": methods,
    }
    values |= network_facts(model, data, seed=cell.seed) | {"train_seconds": round(time.perf_counter() - begin, 1)}
    learned = learn(model, data.train.images, seed=cell.seed, quick="train" in spec)
    arrays: dict[str, Any] = {}
    sets = []
    for name in data.sets:
        least = spec.get("least", LEAST_EFFECT)
        cases = world_cases(model, data, name, spec["images"], seed=cell.seed, methods=methods, least=least)
        if cases:
            sets.append(name)
            graded = grade_world(cases, learned, seed=cell.seed) | _facts(cases, data.sets[name].places)
            arrays |= {f"{name}.{key}": array for key, array in graded.items()}
    return Result(values | {"sets": sets, "seconds": round(time.perf_counter() - begin, 1)}, arrays)


def trained_network(cell: Cell, folder: Path) -> tuple[WorldData, GlanceClassifier]:
    """The images of a cell and its network: trained and kept in the cell's folder, or opened there."""
    spec, kind = cell.spec, find_kind(cell.spec["kind"])
    data = world_data(kind, cell.seed, train=spec.get("train", MOST_TRAIN), test=spec.get("test", MOST_TEST))
    saved = folder / NETWORK_FOLDER
    if (saved / "config.json").is_file():
        opened = open_saved(saved)
        assert isinstance(opened, GlanceClassifier)
        return data, opened.to(memory_format=torch.channels_last).eval()
    how: dict[str, Any] = {"patch": PATCH, "bought": kind.bought, "places": kind.places}
    model = build_network(data.classes, SIZE, seed=cell.seed, **how)
    epochs = spec.get("epochs", kind.epochs)
    train_network(model, data.train.images, data.train_labels, epochs=epochs, seed=cell.seed)
    model.save_pretrained(saved)
    return data, model


def network_facts(model: GlanceClassifier, data: WorldData, *, seed: int) -> dict[str, Any]:
    """Accuracy; outputs that change with what was not bought, of 1,000; what the planted cue does to the accuracy.

    ``cue_effect`` is the accuracy with the cue of each image's class less that with the next class's.
    """

    def right(shown: Float[Tensor, "M C H W"]) -> float:
        return float((network_predictions(model, shown).argmax(1) == data.labels).float().mean())

    own = data.sets["own"].images
    count, each = _PROOF
    changed, tried = changed_outputs(model, own[:count], each=each, seed=seed)
    values: dict[str, Any] = {"val_accuracy": right(own), "changed": changed, "replaced": tried}
    if data.agreeing is not None:
        values["cue_effect"] = right(data.agreeing) - right(data.sets["conflict"].images)
    return values


@dataclass(frozen=True)
class GradedCase:
    """One image of a world with all its maps.

    Attributes:
        own: its truth.
        held: the network with its map held.
        image: (C,H,W).
        other: another image of the world.
        maps: those of `map_names`, then of the methods.
    """

    own: TrueRelevance
    held: Held
    image: Float[Tensor, "C H W"]
    other: Float[Tensor, "C H W"]
    maps: Float[Tensor, "M 1 H W"]


def world_cases(
    model: GlanceClassifier,
    data: WorldData,
    name: SetName,
    count: int,
    *,
    seed: int,
    methods: list[str],
    least: float = LEAST_EFFECT,
) -> list[GradedCase]:
    """The images of one set that are graded; none where fewer than half of ``count`` have something to explain."""
    shown = data.sets[name].images
    truths = true_relevance(model, shown, count, seed=seed, least=least)
    if len(truths) < (count + 1) // 2:
        return []
    cases = []
    for own, other in zip(truths, [*truths[1:], truths[0]], strict=True):
        held, image = Held(model, own.map), shown[own.row]
        made = graded_maps(own.true, other.true, image, index=own.row, seed=seed)
        maps = torch.cat([made, *(explained_map(held, image, own.target, method) for method in methods)])
        cases.append(GradedCase(own, held, image, shown[other.row], maps))
    return cases


def grade_world(cases: Sequence[GradedCase], learned: LearnedNetworks, *, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Grades of one set of images.

    Returns:
        ``grades`` (metrics, maps, images), ``agreement`` (maps, images) with the true relevance, and ``forwards`` of
        each metric for a map.
    """
    grades, agreement, forwards = [], [], []
    for case in cases:
        how = {"learned": learned.held(case.own.map), "seed": seed}
        graded = grade_maps(case.held.predict, case.image, case.maps, case.own.target, case.other, **how)  # type: ignore[arg-type]
        grades.append(torch.stack([graded[metric].values for metric in grade_names()]))
        forwards.append([graded[metric].forwards for metric in grade_names()])
        agreement.append(agreements(case.maps, case.own.true))
    return {
        "grades": torch.stack(grades, 2).float().numpy(),
        "agreement": torch.stack(agreement, 1).float().numpy(),
        "forwards": np.mean(forwards, 0),
    }


def _facts(cases: Sequence[GradedCase], places: Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """Of each image ``rows`` (its number), ``error`` (standard error of its Shapley values), ``effect`` (what was
    bought raises the probability by), ``robust`` (agreement of its truth with that of another replacement; NaN where
    it was not computed) and ``cue_share`` (of the positive relevance on the mark).
    """
    truths = [case.own for case in cases]
    return {
        "rows": np.array([own.row for own in truths]),
        **{key: np.array([getattr(own, key) for own in truths]) for key in ("error", "effect", "robust")},
        "cue_share": np.array([cue_share(own.true, int(places[own.row])) for own in truths]),
    }


def network_predictions(model: GlanceClassifier, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
    """Predictions of the network, which buys for itself."""
    return torch.cat([model.predict(part) for part in images.split(200)])
