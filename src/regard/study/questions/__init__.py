"""Six questions and a seventh to the trials, one a file: trials in, a frozen answer out, with what it cannot show."""

from regard.study.questions.dose import DoseResponse, dose
from regard.study.questions.layers import Layers, layers
from regard.study.questions.performance import PerformanceTable, performance
from regard.study.questions.relation import Relations, relation
from regard.study.questions.robustness import Robustness, robustness
from regard.study.questions.similarity import SimilarityTable, similarity
from regard.study.questions.transparency import Transparency, transparency

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
