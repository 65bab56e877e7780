"""Six questions and a seventh to the trials, one a file: trials in, a frozen answer out, with what it cannot show."""

from regard.experiments.study.questions.dose import DoseResponse, dose
from regard.experiments.study.questions.layers import Layers, layers
from regard.experiments.study.questions.performance import PerformanceTable, performance
from regard.experiments.study.questions.relation import Relations, relation
from regard.experiments.study.questions.robustness import Robustness, robustness
from regard.experiments.study.questions.similarity import SimilarityTable, similarity
from regard.experiments.study.questions.transparency import Transparency, transparency

QUESTIONS = {
    "performance": performance,
    "similarity": similarity,
    "relation": relation,
    "dose": dose,
    "layers": layers,
    "transparency": transparency,
    "robustness": robustness,
}
"""(a) to (g), by name."""

__all__ = [
    "QUESTIONS",
    "DoseResponse",
    "Layers",
    "PerformanceTable",
    "Relations",
    "Robustness",
    "SimilarityTable",
    "Transparency",
    "dose",
    "layers",
    "performance",
    "relation",
    "robustness",
    "similarity",
    "transparency",
]
