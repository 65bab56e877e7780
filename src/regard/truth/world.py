"""One network of the grid: trained, its exclusion proved, and graded on its two sets of images. A cell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.experiments.grid import Cell, Result
from regard.models import GlanceClassifier
from regard.truth.grades import grade_maps, grade_names
from regard.truth.maps import graded_maps, map_names
from regard.truth.methods import EXPLAINERS, explained_map
from regard.truth.network import Held, build_network, changed_outputs, train_network
from regard.truth.relevance import LEAST_EFFECT, TrueRelevance, agreements, cue_share, true_relevance
from regard.truth.worlds import MOST_TEST, MOST_TRAIN, PATCH, SIZE, SetName, WorldData, find_kind, world_data

IMAGES = 6
"""That are graded in every world."""
_PROOF = (40, 25)
"""Images, and replacements of each, that prove exclusion."""


def run_network(cell: Cell, folder: Path) -> Result:
    """Does a cell, the two worlds of one network.

    ``cell.spec`` has ``kind`` and ``images``, and for tests ``train``, ``test``, ``epochs``, ``methods``, ``least``.
    The values say what the network is; the arrays of a set are named ``SET.grades`` and so on, see `grade_world`.
    """
    del folder
    spec, begin = cell.spec, time.perf_counter()
    kind = find_kind(spec["kind"])
    torch.set_num_threads(1)
    data = world_data(kind, cell.seed, train=spec.get("train", MOST_TRAIN), test=spec.get("test", MOST_TEST))
    how: dict[str, Any] = {"patch": PATCH, "bought": kind.bought, "places": kind.places}
    model = build_network(data.classes, SIZE, seed=cell.seed, **how)
    epochs = spec.get("epochs", kind.epochs)
    train_network(model, data.train.images, data.train_labels, epochs=epochs, seed=cell.seed)
    methods = list(spec.get("methods", EXPLAINERS))
    values = {
        "kind": spec["kind"],
        "metrics": list(grade_names()),
        "maps": [*map_names(), *methods],
        "methods": methods,
    }
    values |= network_facts(model, data, seed=cell.seed) | {"train_seconds": round(time.perf_counter() - begin, 1)}
    arrays: dict[str, Any] = {}
    sets = []
    for name in data.sets:
        least = spec.get("least", LEAST_EFFECT)
        graded = grade_world(model, data, name, spec["images"], seed=cell.seed, methods=methods, least=least)
        if graded is not None:
            sets.append(name)
            arrays |= {f"{name}.{key}": array for key, array in graded.items()}
    return Result(values | {"sets": sets, "seconds": round(time.perf_counter() - begin, 1)}, arrays)


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


def grade_world(
    model: GlanceClassifier,
    data: WorldData,
    name: SetName,
    count: int,
    *,
    seed: int,
    methods: list[str],
    least: float = LEAST_EFFECT,
) -> dict[str, np.ndarray[Any, Any]] | None:
    """Truth, maps and grades of one set of images; None where fewer than half of ``count`` have something to explain.

    Returns:
        ``grades`` (metrics, maps, images), ``agreement`` (maps, images) with the true relevance, ``forwards`` of each
        metric for a map, and of each image ``rows`` (its number), ``error`` (standard error of its Shapley values),
        ``effect`` (what was bought raises the probability by), ``robust`` (agreement of its truth with that of another
        replacement; NaN where it was not computed) and ``cue_share`` (of the positive relevance on the mark).
    """
    planted = data.sets[name]
    truths = true_relevance(model, planted.images, count, seed=seed, least=least)
    if len(truths) < (count + 1) // 2:
        return None
    following = [*truths[1:], truths[0]]
    grades, agreement, forwards = [], [], []
    for own, other in zip(truths, following, strict=True):
        held, image = Held(model, own.map), planted.images[own.row]
        made = graded_maps(own.true, other.true, image, index=own.row, seed=seed)
        maps = torch.cat([made, *(explained_map(held, image, own.target, method) for method in methods)])
        graded = grade_maps(held.predict, image, maps, own.target, planted.images[other.row], seed=seed)
        grades.append(torch.stack([graded[metric].values for metric in grade_names()]))
        forwards.append([graded[metric].forwards for metric in grade_names()])
        agreement.append(agreements(maps, own.true))
    return {
        "grades": torch.stack(grades, 2).float().numpy(),
        "agreement": torch.stack(agreement, 1).float().numpy(),
        "forwards": np.mean(forwards, 0),
        "rows": np.array([own.row for own in truths]),
        **{key: np.array([getattr(own, key) for own in truths]) for key in ("error", "effect", "robust")},
        "cue_share": _cue_shares(truths, planted.places),
    }


def _cue_shares(truths: list[TrueRelevance], places: Tensor) -> np.ndarray[Any, Any]:
    return np.array([cue_share(own.true, int(places[own.row])) for own in truths])


def network_predictions(model: GlanceClassifier, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
    """Predictions of the network, which buys for itself."""
    return torch.cat([model.predict(part) for part in images.split(200)])
