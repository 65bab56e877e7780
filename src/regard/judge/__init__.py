"""Any network's maps, by any method, held against tests that a map cannot pass by being smooth, sparse or central.

Not here: the tests themselves (metrics), the maps (explain), the page (report).
"""

from regard.judge.case import Case, JudgeOptions, Measure
from regard.judge.explain_images import explain_images, parse_options
from regard.judge.judge import check_names, explain_by, judge
from regard.judge.measures import METRICS, Metric
from regard.judge.run import judge_maps, named, open_both, open_shuffled
from regard.judge.subject import open_subject

__all__ = [
    "METRICS",
    "Case",
    "JudgeOptions",
    "Measure",
    "Metric",
    "check_names",
    "explain_by",
    "explain_images",
    "judge",
    "judge_maps",
    "named",
    "open_both",
    "open_shuffled",
    "open_subject",
    "parse_options",
]
