"""(d) What is lost as the human map of one network is taken away: the only causal test of closeness."""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.contrasts import dose_drop
from regard.experiments.study.design import DOSES
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import NOT_MEASURED, backbone_or_none, task_backbones
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class DoseCurve:
    """One arm in one cell.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        arm: one of `DOSES`.
        alphas: doses, 0 the human map, 1 none of it.
        levels: mean performance at each, over the same runs and images.
        drop: what is lost over the whole dose, by least squares.
        bend: loss from 0 to the middle dose minus loss from there to 1, paired; far from 0 the curve is not straight,
            and `drop` describes it badly. NaN without a dose of one half.
    """

    task: str
    backbone: str
    arm: str
    alphas: tuple[float, ...]
    levels: tuple[Estimate, ...]
    drop: Estimate
    bend: Estimate


@dataclass(frozen=True)
class DoseResponse:
    """Answer (d)."""

    curves: tuple[DoseCurve, ...]
    limits: tuple[str, ...]


def dose(trials: Trials) -> DoseResponse:
    """Every dose arm in every cell."""
    curves = []
    for task, backbone in task_backbones(trials):
        for arm in DOSES:
            alphas = trials.alphas(task, arm)
            if len(alphas) < 2:
                continue
            only = backbone_or_none(backbone)
            panel = paired(trials, task, [Arm(arm, alpha=a) for a in alphas], backbone=only)
            if not panel.values.size:
                continue
            levels = tuple(panel.mean(k) for k in range(len(alphas)))
            bend = NOT_MEASURED
            if {0.0, 0.5, 1.0} <= set(alphas):
                first, middle, last = (panel.values[alphas.index(a)] for a in (0.0, 0.5, 1.0))
                bend = crossed_mean(first - 2 * middle + last, panel.backbone)
            drop = dose_drop(trials, task, arm, backbone=only)
            curves.append(DoseCurve(task, backbone, arm, alphas, levels, drop, bend))
    return DoseResponse(
        tuple(curves),
        (
            "A network trained with human maps meets noise here for the first time: part of that loss may "
            "come from the unfamiliar kind of map. The shuffled dose uses maps of a kind that it was trained with.",
            "Maps are given from outside, so this shows what closeness does to a network that uses its map, not what "
            "a network gains by learning to be close.",
        ),
    )
