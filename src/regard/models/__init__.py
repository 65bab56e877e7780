"""the parts joined, one file a task. Not here: mechanisms, losses, training."""

from regard.models.classifier import AttentiveClassifier
from regard.models.export import to_onnx
from regard.models.groups import parameter_groups
from regard.models.heads import MAP_HEADS
from regard.models.rivals import RIVALS

__all__ = ["MAP_HEADS", "RIVALS", "AttentiveClassifier", "parameter_groups", "to_onnx"]
