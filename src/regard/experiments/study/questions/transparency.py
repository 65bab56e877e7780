"""(f) Are maps that were aligned with people more faithful to their networks?"""

from __future__ import annotations

from dataclasses import dataclass

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.contrasts import difference
from regard.experiments.study.design import LEARNED
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.questions.common import ALL, CELL_LIMITS, cells, conditions
from regard.experiments.study.regression import learned_pairs, within_slope
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class TransparencyRow:
    """One learned condition of a cell.

    Attributes:
        task: the task.
        backbone: the network, or `all`.
        condition: the arm.
        faithfulness: mean.
        random: of a random map as smooth; NaN where not measured.
        beyond_random: the one minus the other, paired.
        against_implicit: minus that of `implicit`, paired; NaN for it.
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
        rows: every learned arm.
        closer: by task, faithfulness for one standard deviation of similarity, within runs and images.
        limits: what it cannot show.
    """

    rows: tuple[TransparencyRow, ...]
    closer: dict[str, Estimate]
    limits: tuple[str, ...]


def transparency(trials: Trials, *, similarity: str = "nss") -> Transparency:
    """Faithfulness of the learned arms, with and without alignment."""
    rows = []
    column = "faithfulness"
    for task, backbone in cells(trials):
        only = None if backbone == ALL else backbone
        for name in conditions(trials, task, backbone):
            own = paired(trials, task, [Arm(name)], column, backbone=only)
            if name not in LEARNED or not own.values.size:
                continue
            floor = paired(trials, task, [Arm(name)] * 2, [column, "faithfulness_random"], backbone=only)
            implicit = Estimate(float("nan"))
            if name != "implicit":
                implicit = difference(trials, task, Arm(name), Arm("implicit"), column, only)
            rows.append(
                TransparencyRow(
                    task,
                    backbone,
                    name,
                    crossed_mean(own.values[0], own.backbone, left_out=own.left_out),
                    crossed_mean(floor.values[1], floor.backbone, left_out=floor.left_out),
                    crossed_mean(floor.values[0] - floor.values[1], floor.backbone, left_out=floor.left_out),
                    implicit,
                )
            )
    closer = {task: within_slope(learned_pairs(trials, task, similarity, column)) for task in trials.tasks}
    return Transparency(
        tuple(rows),
        {task: found for task, found in closer.items() if found.runs},
        (
            *CELL_LIMITS,
            "Faithfulness is to the network, not to the world: a faithful map of a wrong answer is faithful.",
            "Removing pixels leaves images that no network was trained on; what replaces them changes the numbers.",
        ),
    )
