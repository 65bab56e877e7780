"""What a task is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from regard.data import DataSplits
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.objectives import Losses, Weights
from regard.training.recipe import Recipe
from regard.types import Batch

Model = AttentiveClassifier | Segmenter | TwoStream
_Build = Callable[[Recipe, DataSplits], Any]


@dataclass(frozen=True)
class Kind:
    """A task.

    Attributes:
        model: class of the model, for `from_pretrained`.
        build: (recipe, data) -> the model, fresh, all of it learning.
        loss: (output, batch, weights, warmup) -> the objective on a batch.
        seen: (output, batch) -> what is logged of a training batch besides, by name.
        validate: (model, batch) -> values an image (B,) by name.
        validated: names that ``validate`` may give.
        monitor: the one of them by which epochs are compared; higher is better.
    """

    model: type[Any]
    build: _Build
    loss: Callable[[Any, Batch, Weights, float], Losses]
    seen: Callable[[Any, Batch], dict[str, Tensor]]
    validate: Callable[[Any, Batch], dict[str, Tensor]]
    validated: tuple[str, ...]
    monitor: str
