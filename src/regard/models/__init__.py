"""Models: backbone, attention, bottleneck and decoder joined, one file per task; baselines by name.

Not here: attention mechanisms (attention), losses (objectives), training.
"""

from regard.models.base import FREEZE_ALL, OneTrunk, Rates
from regard.models.card import CardFacts
from regard.models.classifier import AttentiveClassifier
from regard.models.export import to_onnx
from regard.models.glance import GLANCE, GlanceClassifier
from regard.models.glance_controls import CONTROL_PLACES, control_maps, glance_cam, shrunk_look
from regard.models.hub import CONFIG, HUB, fetch_model, hub_name
from regard.models.images import ImageInput, check_range
from regard.models.large import LargeAnswer, predict_large
from regard.models.mechanism import BASELINE_NAMES, MAP_HEADS
from regard.models.paper import PAPER, VARIANTS, paper_model
from regard.models.plain import PlainModel
from regard.models.prediction import PATH_MEANINGS, PATHS, PredictionPath, Samples
from regard.models.receipt import Receipt, check_receipt, make_receipt, read_receipt, write_receipt
from regard.models.saved import open_saved
from regard.models.segmenter import Segmenter
from regard.models.sharing import Shareable
from regard.models.tensor_module import as_tensor_module
from regard.models.two_stream import STREAMS, TwoStream, TwoStreamOutput

__all__ = [
    "BASELINE_NAMES",
    "CONFIG",
    "CONTROL_PLACES",
    "FREEZE_ALL",
    "GLANCE",
    "HUB",
    "MAP_HEADS",
    "PAPER",
    "PATHS",
    "PATH_MEANINGS",
    "STREAMS",
    "VARIANTS",
    "AttentiveClassifier",
    "CardFacts",
    "GlanceClassifier",
    "ImageInput",
    "LargeAnswer",
    "OneTrunk",
    "PlainModel",
    "PredictionPath",
    "Rates",
    "Receipt",
    "Samples",
    "Segmenter",
    "Shareable",
    "TwoStream",
    "TwoStreamOutput",
    "as_tensor_module",
    "check_range",
    "check_receipt",
    "control_maps",
    "fetch_model",
    "glance_cam",
    "hub_name",
    "make_receipt",
    "open_saved",
    "paper_model",
    "predict_large",
    "read_receipt",
    "shrunk_look",
    "to_onnx",
    "write_receipt",
]
