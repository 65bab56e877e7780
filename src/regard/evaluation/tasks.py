"""What evaluation knows of each task of ``regard.training.TASKS``: what is predicted, and how good a prediction is.

Not here: how a task is learned (``regard.training.tasks``), and which measures a run of it gets (`evaluate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from regard.metrics import accuracy
from regard.metrics.salient_object import s_measure, salient_object_scores
from regard.training import TASKS
from regard.types import Batch, PerImage


@dataclass(frozen=True)
class TaskScoring:
    """What evaluation needs of one task.

    Attributes:
        target: batch -> labels (B,) or (B,n), or masks (B,1,H,W).
        probabilities: (model, output) -> probabilities (B,n), or (B,1,H,W) of the object.
        performance: (probabilities, target) -> the task's one score per item (B,), 0 to 1; more is better.
        scores: (probabilities, target) -> further scores per item by name.
        dense: there is a prediction per pixel.
    """

    target: Callable[[Batch], Tensor]
    probabilities: Callable[[Any, Any], Tensor]
    performance: Callable[[Tensor, Tensor], Tensor]
    scores: Callable[[Tensor, Tensor], dict[str, Tensor]] = lambda _probabilities, _target: {}
    dense: bool = False


def _masks(batch: Batch) -> Tensor:
    assert batch.masks is not None, "checked when the network was built"
    return batch.masks


_LABELS = TaskScoring(
    target=lambda batch: batch.labels,
    probabilities=lambda model, output: output.probabilities(model.multi_label),
    performance=accuracy,
)
SCORING: dict[str, TaskScoring] = {
    "classification": _LABELS,
    "action": _LABELS,
    "segmentation": TaskScoring(
        target=_masks,
        probabilities=lambda _model, output: output.probabilities,
        performance=s_measure,
        scores=salient_object_scores,
        dense=True,
    ),
}
"""``recipe.task`` -> its scoring; has the keys of `TASKS`."""


def scoring_of(model: Any) -> TaskScoring:
    """The scoring of the task that a model was built for."""
    return SCORING[next(name for name, kind in TASKS.items() if isinstance(model, kind.model))]


def task_performance(model: Any, output: Any, batch: Batch) -> PerImage:
    """The task's score of each item: 0 or 1 of a class, S-measure of a mask."""
    scoring = scoring_of(model)
    return scoring.performance(scoring.probabilities(model, output).cpu(), scoring.target(batch).cpu())
