"""Everything that a study wants to know of one trained network: columns of the table of trials, one value an image.

What performance needs no network: floors of a study's task.

What images are called in a table of trials: the same on every machine, wherever the data lies.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import SEVERITIES, DataSplits, Split, evenly_spaced
from regard.evaluation.changed_splits import Changed
from regard.evaluation.faithfulness import faithful
from regard.evaluation.gaze import gain, similarity, train_gaze
from regard.evaluation.mask_scores import MEAN_MASK, train_masks
from regard.evaluation.observe import look, maps_of
from regard.evaluation.robustness import DISTURBANCES, robust
from regard.metrics.salient_object import s_measure
from regard.training import Dose, Recipe, build_override_maps, open_gaze
from regard.types import Batch, Map, RegardError

_BATCH = 64


def floors(task: str, data: DataSplits) -> dict[str, float]:
    """Mean ``performance`` on the test split of answers that are made without looking, by what they are.

    The S-measure of the training images' mean mask; of classes, what the data itself knows to guess, and else the most
    frequent one. Nothing of images with several labels.

    Args:
        task: of the recipe.
        data: with training masks, where masks are wanted.
    """
    test = data.test
    if task == "segmentation":
        mean = train_masks(data.train).float().mean(0, keepdim=True)
        parts = [test.batch(index).masks for index in torch.arange(len(test)).split(_BATCH)]
        scores = torch.cat([s_measure(mean.expand(len(m), -1, -1, -1), m) for m in parts if m is not None])
        return {MEAN_MASK: float(scores.mean())}
    if test.labels.ndim > 1:
        return {}
    if data.guesses:
        return {name: float((guess == test.labels).float().mean()) for name, guess in data.guesses.items()}
    return {"most frequent class": float(torch.bincount(test.labels).max() / len(test))}


def image_names(split: Split) -> list[str]:
    """Paths below the folder that all images of the split share, with forward slashes."""
    names = [Path(split.item_name(i)) for i in range(len(split))]
    shared = Path(os.path.commonpath(names)) if len(names) > 1 else names[0].parent
    return [name.relative_to(shared).as_posix() for name in names]


CALIBRATED = 256
"""Training images that say how a network's maps are read as densities."""
DOSE = "dose/"
"""Before the names of performances under a dose, ``dose/KIND/ALPHA``."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What is measured of every network on its test images."""

    similarity: bool = True
    """Of the map to where people look, if anybody looked at the test images, or at those of the set named in align."""
    faithful: int = 48
    """On how many test images the faithfulness of a learned map is measured; 0 measures none."""
    robust: list[str] = default(default_factory=lambda: ["gaussian_noise", "gaussian_blur", "jpeg", "fgsm"])
    """Disturbances: corruptions of `regard shift`, and the attacks fgsm and pgd."""
    severity: int = 3
    """Of corruptions, 1 to 5."""
    robust_images: int = 200
    """On how many test images."""
    alphas: list[float] = default(default_factory=lambda: [0.0, 0.25, 0.5, 0.75, 1.0])
    """Doses: how much of the human map is taken away in networks of `human`, 0 to 1."""
    gallery: int = 6
    """Test images whose maps are kept."""

    def __post_init__(self) -> None:
        odd = [name for name in self.robust if name not in DISTURBANCES]
        if odd:
            raise RegardError(f"measures.robust: {odd[0]!r} is not known; there are {', '.join(DISTURBANCES)}")
        if min(self.faithful, self.robust_images, self.gallery) < 0 or self.severity not in SEVERITIES:
            raise RegardError("measures: numbers of images must not be negative, and a severity is 1 to 5")
        if any(not 0 <= a <= 1 for a in self.alphas) or len(set(self.alphas)) < len(self.alphas):
            raise RegardError(f"measures.alphas {self.alphas} must be different ones between 0 and 1")


@dataclass(frozen=True)
class WhoseGaze:
    """Whose fixations maps are held against: the fields of a recipe's ``align`` of these names."""

    name: str = "own"
    root: str | None = None
    options: dict[str, Any] = default(default_factory=dict)
    sigma: float = 0.037


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        images: names of the task's N test images.
        columns: of the trials, (N,); performances under a dose have `DOSE` before their names.
        means: of all scores of the task.
        floors: name -> mean performance that needs no network.
        looked_images: names of the M test images of another set, where the gaze is on these; else empty.
        looked: columns (M,) on these.
        gallery: which images of the set with gaze maps are kept of (G,).
        maps: theirs (G,h,w); None without attention.
    """

    images: list[str]
    columns: dict[str, Float[Tensor, " N"]]
    means: dict[str, float]
    floors: dict[str, float]
    looked_images: list[str] = default(default_factory=list)
    looked: dict[str, Float[Tensor, " M"]] = default(default_factory=dict)
    gallery: Tensor | None = None
    maps: Tensor | None = None


def measure(
    model: Any,
    data: DataSplits,
    recipe: Recipe,
    gaze: WhoseGaze,
    wanted: Measures,
    doses: Sequence[Dose] = (),
) -> Measured:
    """Of a trained network, on the test split.

    Args:
        model: of a finished run.
        data: its data, with images.
        recipe: of the run.
        gaze: whose.
        wanted: what is measured.
        doses: kinds of it, in a network of ``impose.map human``.
    """
    imposed, seed = build_override_maps(recipe, data, model), recipe.train.seed
    test = data.test if imposed is None else given(data.test, imposed.of)
    seen = look(model, test, seed=seed)
    means = {name: mean for name, v in seen.scores.items() if math.isfinite(mean := float(v.nanmean()))}
    columns = {"performance": seen.scores["performance"]}
    if seen.bits is not None and imposed is None:
        columns["bits"] = seen.bits
    for name in wanted.robust:
        columns[f"robust_{name}"] = robust(
            model, test, name, severity=wanted.severity, images=wanted.robust_images, seed=seed
        )
    images, without = image_names(data.test), floors(recipe.task, data)
    if seen.map is None:
        return Measured(images, columns, means, without)
    if wanted.faithful and imposed is None:
        columns |= faithful(model, test, seen.map, images=wanted.faithful, seed=seed)
    for kind in doses:
        assert imposed is not None, "doses are of imposed maps"
        for alpha in wanted.alphas:
            dosed = given(data.test, partial(imposed.dose, alpha=alpha, kind=kind))
            found = look(model, dosed, seed=seed, whole=False)
            columns[f"{DOSE}{kind}/{alpha}"] = found.scores["performance"]
    own, people, shown = gaze.name == "own", data, seen.map
    if not own:
        people = open_gaze("align", gaze.name, gaze.root, gaze.options, data)
        shown = maps_of(model, people.test if imposed is None else given(people.test, imposed.of))
    kept = evenly_spaced(len(people.test), wanted.gallery)
    out = Measured(images, columns, means, without, gallery=kept, maps=shown.values[kept, 0])
    if not wanted.similarity or people.gaze is None or _constant(shown):
        return out
    train = train_gaze(people.train, sigma=gaze.sigma)
    index = train.looked[evenly_spaced(len(train.looked), CALIBRATED)]
    close = similarity(shown, people.gaze(), train, sigma=gaze.sigma, seed=seed)
    learned = maps_of(model, people.train if imposed is None else given(people.train, imposed.of), index)
    close |= gain(shown, people.gaze(), learned, people.train, index, train, sigma=gaze.sigma, seed=seed)
    if own:
        return replace(out, columns=columns | close)
    return replace(out, looked_images=[f"{gaze.name}/{name}" for name in image_names(people.test)], looked=close)


def given(split: Split, of: Callable[[Batch], Tensor]) -> Split:
    """The split with a map for every image, which attended layers take in place of their own."""

    def change(batch: Batch) -> Batch:
        return replace(batch, map_override=of(batch))

    return Changed(split, change)


def _constant(map: Map) -> bool:
    """Whether no image has a map with any difference in it: it says nothing of where."""
    flat = map.values.flatten(1)
    return bool((flat.amax(1) == flat.amin(1)).all())
