"""Models: backbone, attention, bottleneck and decoder joined, one file per task; baselines by name.

Not here: attention mechanisms (attention), losses (objectives), training.
"""

from regard.models.base import Freezable
from regard.models.baselines.registry import BASELINE_NAMES
from regard.models.classifier import AttentiveClassifier
from regard.models.export import to_onnx
from regard.models.fcn import BilinearUp, Fcn, FcnDecoder, Reading, cut_off, fit, readings
from regard.models.groups import Rates, parameter_groups
from regard.models.mechanism import MAP_HEADS
from regard.models.paper import PAPER, VARIANTS, paper_model
from regard.models.segmenter import Segmenter
from regard.models.two_stream import STREAMS, TwoStream, TwoStreamOutput

__all__ = [
    "BASELINE_NAMES",
    "MAP_HEADS",
    "PAPER",
    "STREAMS",
    "VARIANTS",
    "AttentiveClassifier",
    "BilinearUp",
    "Fcn",
    "FcnDecoder",
    "Freezable",
    "Rates",
    "Reading",
    "Segmenter",
    "TwoStream",
    "TwoStreamOutput",
    "cut_off",
    "fit",
    "paper_model",
    "parameter_groups",
    "readings",
    "to_onnx",
]
