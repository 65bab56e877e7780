"""Any network's maps, by any method, held against tests that a map cannot pass by being smooth, sparse or central.

Not here: the tests themselves (metrics), the maps (explain), the page (report).
"""

from regard.evaluation.judging.case import Case, Measure
from regard.evaluation.judging.judge import check_names, explain_by, judge
from regard.evaluation.judging.metrics import METRICS, Metric
from regard.evaluation.judging.options import JudgeOptions
from regard.evaluation.judging.sample import Sample, open_sample, sample_of

__all__ = [
    "METRICS",
    "Case",
    "JudgeOptions",
    "Measure",
    "Metric",
    "Sample",
    "check_names",
    "explain_by",
    "judge",
    "open_sample",
    "sample_of",
]
