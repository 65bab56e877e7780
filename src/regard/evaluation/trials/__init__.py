"""One trained network on test images, one value an image: what a row of a study's table of trials holds.

Not here: which networks are compared, and what a table of them allows to say (study).
"""

from regard.evaluation.trials.faithful import faithful
from regard.evaluation.trials.floors import floors
from regard.evaluation.trials.gain import gain
from regard.evaluation.trials.look import Look, look, maps_of
from regard.evaluation.trials.measures import DOSE, Measured, Measures, WhoseGaze, measure
from regard.evaluation.trials.robust import ATTACKS, DISTURBANCES, robust
from regard.evaluation.trials.similarity import TrainGaze, similarity, train_gaze

__all__ = [
    "ATTACKS",
    "DISTURBANCES",
    "DOSE",
    "Look",
    "Measured",
    "Measures",
    "TrainGaze",
    "WhoseGaze",
    "faithful",
    "floors",
    "gain",
    "look",
    "maps_of",
    "measure",
    "robust",
    "similarity",
    "train_gaze",
]
