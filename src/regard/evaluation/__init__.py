"""a trained run held against its floors on the test split.

Not here: metrics themselves (metrics), or pages (report).
"""

from regard.evaluation.evaluate import evaluate
from regard.evaluation.observe import Observation, observe

__all__ = ["Observation", "evaluate", "observe"]
