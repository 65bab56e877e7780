"""the parts joined, one file a task. Not here: mechanisms, losses, training."""

from regard.models.classifier import AttentiveClassifier
from regard.models.export import to_onnx
from regard.models.frozen import Freezable
from regard.models.groups import Rates, parameter_groups
from regard.models.heads import MAP_HEADS
from regard.models.late_fusion import TwoStreamOutput
from regard.models.paper import PAPER, VARIANTS, paper_model
from regard.models.rivals import RIVALS
from regard.models.segmenter import Segmenter
from regard.models.two_stream import TwoStream

__all__ = [
    "MAP_HEADS",
    "PAPER",
    "RIVALS",
    "VARIANTS",
    "AttentiveClassifier",
    "Freezable",
    "Rates",
    "Segmenter",
    "TwoStream",
    "TwoStreamOutput",
    "paper_model",
    "parameter_groups",
    "to_onnx",
]
