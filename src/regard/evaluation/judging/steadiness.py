"""Does the map stay when it should: consistency, equivariance, stability, max-sensitivity; never without its control.

The control is a constant map, which is perfect; the floor is another image's map, unless something else is said.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regard.evaluation.judging.case import Case, Measure
from regard.metrics import controls, max_sensitivity
from regard.metrics.consistency import (
    THRESHOLDS,
    WARPS,
    Consistency,
    consistency,
    constant_map,
    equivariance,
    high_pass,
    jpeg,
    low_pass,
    noise,
    overwrite,
    stability,
)
from regard.metrics.similarity import cosine, spearman
from regard.types import Explain, Map

OTHER, CONSTANT = "another image's map", "constant map"
FLAT, ZERO = "map constant", "map all zero"
WINDOW = 4  # a window's side is the image's over this: 8 of 32 pixels, as in the paper
RADIUS = 4
DRAWS = 5  # infidelity's draws over this are sensitivity's


def consistencies(case: Case) -> list[Measure]:
    """The interpretability score under four changes and three thresholds."""
    case = case.few()
    o, x = case.options, case.images
    window = (max(1, x.shape[2] // WINDOW), max(1, x.shape[3] // WINDOW))
    content = x[controls.derangement(len(x), seed=o.seed).to(x.device)]
    changes = {
        "colour": ("a window painted", overwrite(x, index=case.index, window=window, seed=o.seed)),
        "content": ("a window overwritten", overwrite(x, content, index=case.index, window=window, seed=o.seed)),
        "low": ("low pass", low_pass(x, radius=RADIUS)),
        "high": ("high pass", high_pass(x, radius=RADIUS)),
    }
    rows = []
    for key, (words, changed) in changes.items():
        found = consistency(case.predict, case.explain, x, changed, case.classes, batch_size=o.batch_size)
        chance = Consistency(found.same, _another(case, cosine).to(found.similarity.device))
        fixed = consistency(case.predict, constant_map, x, changed, case.classes, batch_size=o.batch_size)
        for threshold in THRESHOLDS:
            share = fixed.score(threshold).nanmean().item()
            rows.append(
                Measure(
                    f"consistent_{key}_{round(100 * threshold)}",
                    f"Consistent above {threshold:g}: {words}",
                    "Share of maps that stay, among images whose prediction stays.",
                    found.score(threshold),
                    {OTHER: chance.score(threshold)},
                    "higher",
                    {CONSTANT: share},
                    "prediction changed, or map all zero",
                )
            )
    return rows


def equivariances(case: Case) -> list[Measure]:
    """Rank correlation under each warp, and the mean cosine, which a constant map has perfect."""
    case = case.few()
    size = case.options.batch_size
    found = {
        name: equivariance(case.explain, case.images, case.classes, warp, batch_size=size)
        for name, warp in WARPS.items()
    }
    ranks = _another(case, spearman)
    rows = [
        Measure(
            f"equivariance_{name}",
            f"Equivariance, {name}",
            "Rank correlation of the moved image's map with the moved map.",
            alike.spearman,
            {OTHER: ranks},
            "higher",
            undefined=FLAT,
        )
        for name, alike in found.items()
    ]
    mean = torch.stack([alike.cosine for alike in found.values()]).mean(0)
    fixed = [equivariance(constant_map, case.images, case.classes, warp).cosine for warp in WARPS.values()]
    control = {CONSTANT: torch.stack(fixed).mean().item()}
    floor = {OTHER: _another(case, cosine)}
    said = "Mean cosine over all four."
    cosines = Measure("equivariance_cosine", "Equivariance, cosine", said, mean, floor, "higher", control, ZERO)
    return [*rows, cosines]


def stabilities(case: Case) -> list[Measure]:
    """Cosine of the maps of an image and of the same with noise, or out of a JPEG."""
    case = case.few()
    x, o = case.images, case.options
    changes = {"noise": noise(x, index=case.index, seed=o.seed), "jpeg": jpeg(x)}
    names = {"noise": "noise of .05", "jpeg": "JPEG, quality 50"}

    def ask(explain: Explain, changed: Tensor) -> Tensor:
        return stability(explain, x, changed, case.classes, batch_size=o.batch_size)

    return [
        Measure(
            f"stability_{key}",
            f"Stability under {names[key]}",
            "Cosine of the maps before and after.",
            ask(case.explain, changed),
            {OTHER: _another(case, cosine)},
            "higher",
            {CONSTANT: ask(constant_map, changed).mean().item()},
            ZERO,
        )
        for key, changed in changes.items()
    ]


def sensitivities(case: Case) -> list[Measure]:
    """Captum's max-sensitivity; beside it, how far a random map is from another of the same bandwidth."""
    case = case.few()
    o = case.options
    draws = max(1, o.draws // DRAWS)
    own = max_sensitivity(case.explain, case.images, case.classes, draws=draws, batch_size=o.batch_size, seed=o.seed)
    a, b = (controls.random_like(case.map, index=case.index.cpu(), seed=o.seed + k).values for k in (0, 1))
    unrelated = (a - b).flatten(1).norm(dim=1) / a.flatten(1).norm(dim=1)
    said = "Largest change of the map under noise within .02, relative to the map."
    floor = {"unrelated random map": unrelated.to(own)}
    return [Measure("sensitivity", "Max-sensitivity", said, own, floor, "lower", {CONSTANT: 0.0}, ZERO)]


def _another(case: Case, alike: Callable[[Map, Map], Tensor]) -> Tensor:
    """Similarity of each image's map with another image's."""
    return alike(case.map, controls.permuted(case.map, seed=case.options.seed))
