"""What the questions share."""

from __future__ import annotations

from regard.study.conditions import CONDITIONS, DOSES
from regard.study.trials import Trials

ALL = "all"
"""In place of a backbone: the mean over all of them."""
CELL_LIMITS = (
    "Intervals say what other seeds and images of the same kind would do; backbones and tasks are taken as given.",
)


def cells(trials: Trials) -> list[tuple[str, str]]:
    """(task, backbone), and (task, `all`) before them where there are several."""
    found = []
    for task in trials.tasks:
        backbones = trials.backbones(task)
        found += [(task, ALL)] * (len(backbones) > 1) + [(task, b) for b in backbones]
    return found


def conditions(trials: Trials, task: str) -> list[str]:
    """Of a task at its default place, doses apart, in the order of `CONDITIONS`."""
    present = {c for t, c, layer, _ in trials.arms if t == task and layer == ""}
    return [name for name in CONDITIONS if name in present and name not in DOSES]
