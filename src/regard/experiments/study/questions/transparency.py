"""(f) Are maps that are aligned with people more faithful to their networks?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate
from regard.experiments.study.contrasts import arm_difference
from regard.experiments.study.design import LEARNED
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import (
    CELL_LIMITS,
    NOT_MEASURED,
    backbone_or_none,
    conditions_of,
    task_backbones,
)
from regard.experiments.study.regression import learned_pairs, within_slope
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class TransparencyRow:
    """One learned condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: of the study.
        faithfulness: mean.
        random: mean of an equally smooth random map; NaN where not measured.
        beyond_random: faithfulness minus random, paired.
        against_implicit: faithfulness minus that of `implicit`, paired; NaN for `implicit`.
    """

    task: str
    backbone: str
    condition: str
    faithfulness: Estimate
    random: Estimate
    beyond_random: Estimate
    against_implicit: Estimate


@dataclass(frozen=True)
class Transparency:
    """Answer (f).

    Attributes:
        rows: every condition with a learned map.
        closer: task -> faithfulness per standard deviation of similarity, within runs and images.
        limits: what it cannot show.
    """

    rows: tuple[TransparencyRow, ...]
    closer: dict[str, Estimate]
    limits: tuple[str, ...]


def transparency(trials: Trials, *, similarity: str = "nss") -> Transparency:
    """Faithfulness of learned maps, with and without alignment."""
    rows = []
    column = "faithfulness"
    for task, backbone in task_backbones(trials):
        only = backbone_or_none(backbone)
        for name in conditions_of(trials, task, backbone):
            own = paired(trials, task, [Arm(name)], column, backbone=only)
            if name not in LEARNED or not own.values.size:
                continue
            floor = paired(trials, task, [Arm(name)] * 2, [column, "faithfulness_random"], backbone=only)
            implicit = NOT_MEASURED
            if name != "implicit":
                implicit = arm_difference(trials, task, Arm(name), Arm("implicit"), column, only)
            rows.append(
                TransparencyRow(
                    task,
                    backbone,
                    name,
                    own.mean(),
                    floor.mean(1),
                    floor.difference(),
                    implicit,
                )
            )
    closer = {task: within_slope(learned_pairs(trials, task, similarity, column)) for task in trials.tasks}
    return Transparency(
        tuple(rows),
        {task: slope for task, slope in closer.items() if slope.runs},
        (
            *CELL_LIMITS,
            "Faithfulness is to the network, not to the truth: the map of a wrong answer can be faithful.",
            "Removing pixels leaves images that no network was trained on; what replaces them changes the numbers.",
        ),
    )
