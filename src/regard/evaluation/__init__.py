"""a trained run held against its floors on the test split.

Not here: metrics themselves (metrics), or pages (report).
"""

from regard.evaluation.box_baselines import ANOTHER, CENTRE, UNIFORM
from regard.evaluation.classifier_measures import MEASURES
from regard.evaluation.context import Asked
from regard.evaluation.entries import entry, reference
from regard.evaluation.evaluate import evaluate
from regard.evaluation.faithfulness import faithful
from regard.evaluation.gaze import OBSERVERS, TrainGaze, gain, similarity, train_gaze
from regard.evaluation.localization import tolerance
from regard.evaluation.observe import EVERY_SAMPLES, Look, Observation, look, maps_of, observe
from regard.evaluation.robustness import ATTACKS, DISTURBANCES, robust
from regard.evaluation.sample import Sample, open_sample, sample_of
from regard.evaluation.shift import SHIFTS, ShiftOptions, shift
from regard.evaluation.study_measures import DOSE, Measured, Measures, WhoseGaze, floors, measure
from regard.evaluation.transfer import ALL, TransferOptions, transfer

__all__ = [
    "ALL",
    "ANOTHER",
    "ATTACKS",
    "CENTRE",
    "DISTURBANCES",
    "DOSE",
    "EVERY_SAMPLES",
    "MEASURES",
    "OBSERVERS",
    "SHIFTS",
    "UNIFORM",
    "Asked",
    "Look",
    "Measured",
    "Measures",
    "Observation",
    "Sample",
    "ShiftOptions",
    "TrainGaze",
    "TransferOptions",
    "WhoseGaze",
    "entry",
    "evaluate",
    "faithful",
    "floors",
    "gain",
    "look",
    "maps_of",
    "measure",
    "observe",
    "open_sample",
    "reference",
    "robust",
    "sample_of",
    "shift",
    "similarity",
    "tolerance",
    "train_gaze",
    "transfer",
]
