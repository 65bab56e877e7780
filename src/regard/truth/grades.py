"""Every faithfulness metric of regard, with each of its baselines, on many maps of one image at a time.

A grade is a metric's value turned so that more is better. The network holds the image's map, so the image is repeated
and each copy has another map. Metrics that need an explanation method rather than a map (`max_sensitivity`,
`consistency`, `equivariance`, `stability`) do not ask whether a map is faithful and cannot rank given maps; see
docs/judging.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard import metrics
from regard.metrics import Curve
from regard.truth.learned import CELL, MOST_REMOVED, Learned
from regard.types import Map, Predict

STEPS, DRAWS = 8, 10
COARSE = "@4"
"""Behind a metric's name: with half the steps."""
GRADED_BASELINES = ("mean", "blur", "noisy_linear", "black", "other")
"""What stands at removed pixels: the three of `regard.metrics.BASELINES`, black, or another image of the set."""
LEARNED_GRADES = ("gap_inpainted", "gap_tuned", "f_fidelity")
"""Metrics for which something is learned first, see `regard.truth.learned`: the gap where an inpainting network fills
in; the gap, with mean colour, of a network that was fine-tuned on images with gaps of any size; F-Fidelity."""
GAPS = (*(f"gap_{baseline}" for baseline in GRADED_BASELINES), "gap_inpainted", "gap_tuned")
"""In one unit, so that means of them are candidates, too."""
FOREIGN = ":"
"""In the name of another library's metric, behind the library's: ``quantus:PixelFlipping``."""
_FIDELITY = {"steps": 5, "samples": 8}
_PARTS = ("gap", "deletion", "insertion")
_EXCLUSION = ("exclusion_kl", "exclusion_flips")
COMBINED = "+"
"""Between the names of metrics whose mean is one metric."""


@dataclass(frozen=True)
class Grade:
    """One metric's grades of the maps of one image.

    Attributes:
        values: more is better (M,).
        forwards: that it took for each map.
    """

    values: Float[Tensor, " M"]
    forwards: float


class Counted:
    """A predict callable that counts the images it is given."""

    def __init__(self, predict: Predict) -> None:
        self.predict, self.images = predict, 0

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities."""
        self.images += len(images)
        return self.predict(images)


def grade_names(*, learned: bool = True) -> tuple[str, ...]:
    """Names of all single metrics, in the order of `grade_maps`; without those `LEARNED_GRADES`, if nothing was."""
    areas = [f"{part}_{baseline}" for baseline in GRADED_BASELINES for part in _PARTS]
    coarse = [f"gap_{baseline}{COARSE}" for baseline in GRADED_BASELINES]
    plain = (*areas, *coarse, "drop_mean", "drop_blur", "increase_mean", "infidelity_mean", *_EXCLUSION)
    return (*plain, *LEARNED_GRADES) if learned else plain


def grade_maps(
    predict: Predict,
    image: Float[Tensor, "C H W"],
    maps: Float[Tensor, "M 1 H W"],
    target: int,
    other: Float[Tensor, "C H W"],
    *,
    learned: Learned | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> dict[str, Grade]:
    """Grades of all maps of an image by every metric, by the names of `grade_names`.

    Args:
        predict: of the network with the image's map held.
        image: in [0,1].
        maps: M maps.
        target: the class whose probability is followed.
        other: another image of the set, for the baseline ``other`` and for `exclusion`.
        learned: what was learned for the network, with the image's map held; without it there are no `LEARNED_GRADES`.
        steps: of every curve.
        seed: of the imputation's noise and the squares of infidelity.
    """
    M = len(maps)
    images, classes, map = image.expand(M, -1, -1, -1), torch.full((M,), target), Map(maps, "relevance")
    others = other.expand_as(images)
    grades: dict[str, Grade] = {}
    fixed = {"black": torch.zeros_like(images), "other": others}
    for baseline in GRADED_BASELINES:
        how = metrics.Removal(steps=steps, baseline=fixed.get(baseline, baseline), batch_size=256, seed=seed)  # type: ignore[arg-type]
        counted = Counted(predict)
        gap = metrics.lerf_morf_gap(counted, images, map, classes, removal=how)
        cost = counted.images / M
        grades[f"gap_{baseline}"] = Grade(gap.gap, cost)
        grades[f"gap_{baseline}{COARSE}"] = Grade(_coarse_area(gap.lerf) - _coarse_area(gap.morf), cost / 2)
        grades[f"deletion_{baseline}"] = Grade(-gap.morf.area, cost / 2)
        # inserting the most relevant first shows the same images as deleting the least relevant first
        grades[f"insertion_{baseline}"] = Grade(gap.lerf.area, cost / 2)
    for baseline in ("mean", "blur"):
        counted = Counted(predict)
        found = metrics.drop(counted, images, map, classes, baseline=baseline, batch_size=256)  # type: ignore[arg-type]
        grades[f"drop_{baseline}"] = Grade(-found.drop, counted.images / M)
        grades[f"increase_{baseline}"] = Grade(found.increase, counted.images / M)
    counted = Counted(predict)
    errors = metrics.infidelity(counted, images, map, classes, draws=DRAWS, batch_size=256, seed=seed)
    grades["infidelity_mean"] = Grade(-errors, counted.images / M)
    counted = Counted(predict)
    excluded = metrics.exclusion(counted, images, map, others, steps=steps, batch_size=256)
    for name, effect in zip(_EXCLUSION, (excluded.recomputed.kl, excluded.recomputed.flips), strict=True):
        grades[name] = Grade(-torch.trapezoid(effect, excluded.shares), counted.images / M)
    if learned is not None:
        grades |= _learned_grades(predict, learned, images, map, classes, steps, seed)
    return {name: grades[name] for name in grade_names(learned=learned is not None)}


def _learned_grades(
    predict: Predict,
    learned: Learned,
    images: Float[Tensor, "M C H W"],
    map: Map,
    classes: Tensor,
    steps: int,
    seed: int,
) -> dict[str, Grade]:
    grades: dict[str, Grade] = {}
    for name, own, baseline in (("gap_inpainted", predict, learned.fill), ("gap_tuned", learned.tuned, "mean")):
        how = metrics.Removal(steps=steps, baseline=baseline, batch_size=256, seed=seed)  # type: ignore[arg-type]
        counted = Counted(own)
        gap = metrics.lerf_morf_gap(counted, images, map, classes, removal=how)
        grades[name] = Grade(gap.gap, counted.images / len(images))
    counted = Counted(learned.little)
    how_much: dict[str, Any] = {"beta": MOST_REMOVED, "cell": CELL, "batch_size": 256, "seed": seed, **_FIDELITY}
    found = metrics.f_fidelity(counted, images, map, classes, **how_much)
    return grades | {"f_fidelity": Grade(found.gap, counted.images / len(images))}


def _coarse_area(curve: Curve) -> Float[Tensor, " M"]:
    """Area under every other point."""
    return torch.trapezoid(curve.probabilities[:, ::2], curve.fractions[:, ::2])
