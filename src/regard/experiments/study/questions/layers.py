"""(e) Where in the network should the map act?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate
from regard.experiments.study.contrasts import arm_difference
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import CELL_LIMITS, NOT_MEASURED
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class LayerRow:
    """One condition with its map at one layer.

    Attributes:
        task: the task.
        backbone: the network; layers of two networks have nothing in common.
        condition: of the study.
        layer: where the map acts; empty is the study's default.
        performance: mean.
        similarity: mean of the metric.
        faithfulness: mean.
        against_default: performance minus that at the default layer, paired; NaN at the default.
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
    """Every condition that was run at more than one layer."""
    arms = sorted({(t, c, layer) for t, c, layer, a in trials.arms if a is None})
    several = {(t, c) for t, c, layer in arms if layer}
    rows = []
    for task, condition, layer in arms:
        if (task, condition) not in several:
            continue
        for backbone in trials.backbones(task):
            arm = Arm(condition, layer)
            performance, closeness, faithfulness = (
                paired(trials, task, [arm], column, backbone=backbone).mean()
                for column in ("performance", similarity, "faithfulness")
            )
            if performance.runs:
                gain = arm_difference(trials, task, arm, Arm(condition), backbone=backbone) if layer else NOT_MEASURED
                rows.append(LayerRow(task, backbone, condition, layer, performance, closeness, faithfulness, gain))
    return Layers(
        tuple(rows),
        similarity,
        (*CELL_LIMITS, "Layers differ in grid and depth: a coarser map is smoother, not closer."),
    )
