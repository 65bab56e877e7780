"""Everything that a study measures of one trained network: columns of the table of trials, one value per image."""

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
from regard.evaluation.changed_splits import TRIED_OUT, ChangedSplit, tried_out
from regard.evaluation.context import EvaluationContext, object_masks
from regard.evaluation.faithfulness import faithful
from regard.evaluation.gaze import CALIBRATED
from regard.evaluation.gaze_similarity import gaze_information, gaze_similarity, train_gaze
from regard.evaluation.masks import train_masks
from regard.evaluation.observe import observe, observe_maps
from regard.evaluation.robustness import DISTURBANCES, robust
from regard.evaluation.rows import MEAN_MASK
from regard.evaluation.tasks import SCORING
from regard.gaze import SIGMA
from regard.metrics.salient_object import s_measure
from regard.training import Dose, Recipe, build_override_maps, open_gaze
from regard.types import Batch, Map, RegardError

DOSE = "dose/"
"""Before the names of performances under a dose, ``dose/KIND/ALPHA``."""


@dataclass(frozen=True, kw_only=True)
class StudyMeasures:
    """What is measured of every network on its test images."""

    similarity: bool = True
    """Similarity of the map to fixations on the test images, or on those of the set named in align."""
    faithful: int = 48
    """Test images on which the faithfulness of a learned map is measured; 0 measures none."""
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

    def tried(self) -> StudyMeasures:
        """The same measures on very few images, to see whether each of them runs."""
        few = {"faithful": 2, "robust_images": 8, "gallery": 2}
        ends = sorted({min(self.alphas), max(self.alphas)}) if self.alphas else []
        return replace(self, **{name: min(getattr(self, name), n) for name, n in few.items()}, alphas=ends)

    def __post_init__(self) -> None:
        odd = [name for name in self.robust if name not in DISTURBANCES]
        if odd:
            raise RegardError(f"measures.robust: {odd[0]!r} is not known; there are {', '.join(DISTURBANCES)}")
        if min(self.faithful, self.robust_images, self.gallery) < 0 or self.severity not in SEVERITIES:
            raise RegardError("measures: numbers of images must not be negative, and a severity is 1 to 5")
        if any(not 0 <= a <= 1 for a in self.alphas) or len(set(self.alphas)) < len(self.alphas):
            raise RegardError(f"measures.alphas {self.alphas} must be different ones between 0 and 1")


@dataclass(frozen=True)
class GazeSource:
    """The fixations that maps are compared with: the fields of a recipe's ``align`` of these names."""

    name: str = "own"
    root: str | None = None
    options: dict[str, Any] = default(default_factory=dict)
    sigma: float = SIGMA


@dataclass(frozen=True)
class StudyColumns:
    """What is measured of one network on the task's N test images, named ``images``.

    ``columns`` (N,) are those of the trials, performances under a dose with `DOSE` before their names; ``means`` are of
    all scores of the task, ``floors`` mean performances that need no network. Where the gaze is on M images of another
    set, ``gaze_images`` and ``gaze_columns`` (M,) are on these. ``gallery`` (G,) are the images of the set with gaze
    whose ``maps`` (G,h,w) are kept, None without attention.
    """

    images: list[str]
    columns: dict[str, Float[Tensor, " N"]]
    means: dict[str, float]
    floors: dict[str, float]
    gaze_images: list[str] = default(default_factory=list)
    gaze_columns: dict[str, Float[Tensor, " M"]] = default(default_factory=dict)
    gallery: Tensor | None = None
    maps: Tensor | None = None


def measure_study(
    model: Any, data: DataSplits, recipe: Recipe, gaze: GazeSource, wanted: StudyMeasures, doses: Sequence[Dose] = ()
) -> StudyColumns:
    """All measures of a trained network on the test split.

    Args:
        model: of a finished run.
        data: its data, with images.
        recipe: of the run.
        gaze: the fixations that maps are compared with.
        wanted: what is measured.
        doses: kinds of dose, for a network of ``impose.map human``.
    """
    imposed, seed = build_override_maps(recipe, data, model), recipe.train.seed
    data = tried_out(recipe, data)
    given = (lambda split: split) if imposed is None else partial(with_maps_of, maps=imposed.of)
    context = EvaluationContext(model, replace(data, test=given(data.test)), seed)
    observation = context.observation
    scores = task_scores(context)
    means = {name: mean for name, v in scores.items() if math.isfinite(mean := float(v.nanmean()))}
    columns = {"performance": scores["performance"]}
    if "gate_bits" in observation.rates and imposed is None:
        columns["bits"] = observation.rates["gate_bits"]
    for name in wanted.robust:
        columns[f"robust_{name}"] = robust(
            model, context.split, name, severity=wanted.severity, images=wanted.robust_images, seed=seed
        )
    out = StudyColumns(image_names(data.test), columns, means, performance_floors(recipe.task, data))
    if observation.map is None:
        return out
    if wanted.faithful and imposed is None:
        columns |= faithful(context, observation.map, images=wanted.faithful)
    for kind in doses:
        assert imposed is not None, "doses are of imposed maps"
        for alpha in wanted.alphas:
            dosed = with_maps_of(data.test, partial(imposed.dose, alpha=alpha, kind=kind))
            predicted = observe(model, dosed, seed=seed, mean_only=True).mean
            columns[f"{DOSE}{kind}/{alpha}"] = context.scoring.performance(predicted, context.targets).float()
    own, people, shown = gaze.name == "own", data, observation.map
    if not own:
        people = tried_out(recipe, open_gaze("align", gaze.name, gaze.root, gaze.options, data))
        shown = observe_maps(model, given(people.test))
    kept = evenly_spaced(len(people.test), wanted.gallery)
    out = replace(out, gallery=kept, maps=shown.values[kept, 0])
    if not wanted.similarity or people.gaze is None or _constant(shown):
        return out
    train = train_gaze(people.train, sigma=gaze.sigma)
    calibrated = TRIED_OUT if recipe.train.fast_dev_run else CALIBRATED
    index = train.with_gaze[evenly_spaced(len(train.with_gaze), calibrated)]
    close = gaze_similarity(shown, people.gaze(), train, sigma=gaze.sigma, seed=seed)
    learned = observe_maps(model, given(people.train), index)
    close |= gaze_information(shown, people.gaze(), learned, people.train, index, train, sigma=gaze.sigma, seed=seed)
    if own:
        return replace(out, columns=columns | close)
    return replace(out, gaze_images=[f"{gaze.name}/{name}" for name in image_names(people.test)], gaze_columns=close)


def task_scores(context: EvaluationContext) -> dict[str, Float[Tensor, " N"]]:
    """``performance``, the task's one score, and its further scores by name."""
    scoring, mean, targets = context.scoring, context.observation.mean, context.targets
    return {"performance": scoring.performance(mean, targets).float()} | {
        name: values.float() for name, values in scoring.scores(mean, targets).items()
    }


def with_maps_of(split: Split, maps: Callable[[Batch], Tensor]) -> Split:
    """The split with a map for every image, which attended layers take in place of their own."""
    return ChangedSplit(split, lambda batch: replace(batch, map_override=maps(batch)))


def _constant(map: Map) -> bool:
    """Whether no image has a map with any difference in it: it says nothing of where."""
    flat = map.values.flatten(1)
    return bool((flat.amax(1) == flat.amin(1)).all())


def performance_floors(task: str, data: DataSplits) -> dict[str, float]:
    """Mean ``performance`` on the test split of predictions that need no network, by what they are; ``task`` is the
    recipe's.

    The S-measure of the training images' mean mask; of classes, what the data itself knows to guess, else the most
    frequent one. Nothing for images with several labels.
    """
    test = data.test
    if SCORING[task].dense:
        mean, masks = train_masks(data.train).float().mean(0, keepdim=True), object_masks(test)
        assert masks is not None, "checked when the network was built"
        return {MEAN_MASK: float(s_measure(mean.expand(len(masks), -1, -1, -1), masks).mean())}
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
