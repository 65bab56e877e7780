"""What a recipe can learn: one task a file, with all that differs between them.

Not here: the engine's loop (``training.task``), what is judged afterwards (evaluation).
"""

from regard.training.tasks.action import ACTION
from regard.training.tasks.classification import CLASSIFICATION
from regard.training.tasks.kind import Kind
from regard.training.tasks.segmentation import SEGMENTATION

TASKS: dict[str, Kind] = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION, "action": ACTION}
"""``recipe.task`` -> what it means."""

__all__ = ["ACTION", "CLASSIFICATION", "SEGMENTATION", "TASKS", "Kind"]
