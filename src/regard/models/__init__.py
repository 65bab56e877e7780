"""the parts joined, one file a task. Not here: mechanisms, losses, training."""

from regard.models.classifier import AttentiveClassifier
from regard.models.export import to_onnx
from regard.models.groups import parameter_groups
from regard.models.heads import MAP_HEADS

__all__ = ["MAP_HEADS", "AttentiveClassifier", "parameter_groups", "to_onnx"]
