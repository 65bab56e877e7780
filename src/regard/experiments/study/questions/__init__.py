"""Seven questions, one file each: a table of trials in, a frozen answer out, with what it cannot show."""

from regard.experiments.study.questions.common import ALL_BACKBONES
from regard.experiments.study.questions.dose import DoseResponse, dose
from regard.experiments.study.questions.layers import Layers, layers
from regard.experiments.study.questions.performance import PerformanceRow, PerformanceTable, performance_table
from regard.experiments.study.questions.relation import Relations, relation
from regard.experiments.study.questions.robustness import Robustness, robustness
from regard.experiments.study.questions.similarity import SimilarityRow, SimilarityTable, similarity_table
from regard.experiments.study.questions.transparency import Transparency, TransparencyRow, transparency

QUESTIONS = {
    "performance": performance_table,
    "similarity": similarity_table,
    "relation": relation,
    "dose": dose,
    "layers": layers,
    "transparency": transparency,
    "robustness": robustness,
}
"""(a) to (g), by name."""

__all__ = [
    "ALL_BACKBONES",
    "QUESTIONS",
    "DoseResponse",
    "Layers",
    "PerformanceRow",
    "PerformanceTable",
    "Relations",
    "Robustness",
    "SimilarityRow",
    "SimilarityTable",
    "Transparency",
    "TransparencyRow",
    "dose",
    "layers",
    "performance_table",
    "relation",
    "robustness",
    "similarity_table",
    "transparency",
]
