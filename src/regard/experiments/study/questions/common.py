"""What the questions share: pairs of task and backbone, conditions, limits."""

from __future__ import annotations

import math

from regard.experiments.stats import Estimate
from regard.experiments.study.design import CONDITIONS, DOSES
from regard.experiments.study.trials import Trials

ALL_BACKBONES = "all"
"""In place of a backbone's name: the mean over all of them."""
CELL_LIMITS = (
    "Intervals say what other seeds and images of the same kind would do; backbones and tasks are taken as given.",
)
NOT_MEASURED = Estimate(math.nan)
"""Of what was not measured."""


def task_backbones(trials: Trials) -> list[tuple[str, str]]:
    """(task, backbone) pairs, with (task, `all`) before them where a task has several backbones."""
    pairs = []
    for task in trials.tasks:
        backbones = trials.backbones(task)
        pairs += [(task, ALL_BACKBONES)] * (len(backbones) > 1) + [(task, b) for b in backbones]
    return pairs


def conditions_of(trials: Trials, task: str, backbone: str) -> list[str]:
    """Conditions of a task and backbone at the default layer, without doses, in the order of `CONDITIONS`.

    Of `all` backbones: the conditions that each of them has, since means over different networks are not comparable.
    """
    wanted = set(trials.backbones(task)) if backbone == ALL_BACKBONES else {backbone}
    names = trials.frame["backbone"].to_numpy()
    rows = {name: trials.arms.get((task, name, "", None)) for name in CONDITIONS if name not in DOSES}
    return [name for name, here in rows.items() if here is not None and wanted <= set(names[here])]


def backbone_or_none(backbone: str) -> str | None:
    """The backbone to select; None for all."""
    return None if backbone == ALL_BACKBONES else backbone
