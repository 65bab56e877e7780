"""(e) Where in the network should the map act?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.contrasts import difference
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import CELL_LIMITS
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class LayerRow:
    """One condition with its map at one place.

    Attributes:
        task: the task.
        backbone: the network; layers of two networks have nothing in common.
        condition: the arm.
        layer: the place; empty is the study's default.
        performance: mean.
        similarity: mean, of the metric asked for.
        faithfulness: mean.
        against_default: performance minus that at the default place, paired; NaN at it.
    """

    task: str
    backbone: str
    condition: str
    layer: str
    performance: Estimate
    similarity: Estimate
    faithfulness: Estimate
    against_default: Estimate


@dataclass(frozen=True)
class Layers:
    """Answer (e)."""

    rows: tuple[LayerRow, ...]
    similarity: str
    limits: tuple[str, ...]


def layers(trials: Trials, *, similarity: str = "nss") -> Layers:
    """Every condition that was run at more than one place."""
    places = sorted({(t, c, layer) for t, c, layer, a in trials.arms if a is None})
    several = {(t, c) for t, c, layer in places if layer}
    rows = []
    for task, condition, layer in places:
        if (task, condition) not in several:
            continue
        for backbone in trials.backbones(task):
            arm = Arm(condition, layer)
            performance, likeness, faithfulness = (
                _mean(trials, task, arm, column, backbone) for column in ("performance", similarity, "faithfulness")
            )
            if performance.runs:
                nothing = Estimate(float("nan"))
                gain = difference(trials, task, arm, Arm(condition), backbone=backbone) if layer else nothing
                rows.append(LayerRow(task, backbone, condition, layer, performance, likeness, faithfulness, gain))
    return Layers(
        tuple(rows),
        similarity,
        (*CELL_LIMITS, "Layers differ in grid and depth: a coarser map is smoother, not closer."),
    )


def _mean(trials: Trials, task: str, arm: Arm, column: str, backbone: str) -> Estimate:
    panel = paired(trials, task, [arm], column, backbone=backbone)
    return crossed_mean(panel.values[0], panel.backbone, left_out=panel.left_out)
