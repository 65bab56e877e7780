"""What the questions share."""

from __future__ import annotations

from regard.experiments.study.design import CONDITIONS, DOSES
from regard.experiments.study.trials import Trials

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


def conditions(trials: Trials, task: str, backbone: str) -> list[str]:
    """Of a cell at its default place, doses apart, in the order of `CONDITIONS`.

    Of all backbones, those that each of them has: means over other networks could not be held against each other.
    """
    wanted = set(trials.backbones(task)) if backbone == ALL else {backbone}
    names = trials.frame["backbone"].to_numpy()
    rows = {name: trials.arms.get((task, name, "", None)) for name in CONDITIONS if name not in DOSES}
    return [name for name, here in rows.items() if here is not None and wanted <= set(names[here])]
