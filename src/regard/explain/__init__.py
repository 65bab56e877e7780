"""Explain any classifier, regard's or not: one family of methods per file, every method returns a `Map`.

Not here: testing the maps (metrics), drawing them (report).
"""

from regard._callable import make_callable
from regard.explain.amortized import AmortizedIba, LearnedFacts
from regard.explain.context import ExplainContext, preserve_state
from regard.explain.explain import ZeroMapWarning, check_options, explain, prepare_options
from regard.explain.iba import ChannelStatistics, channel_statistics
from regard.explain.learn import learn_amortized_iba
from regard.explain.learner import ImageFiles
from regard.explain.methods import METHODS, Method, list_methods

__all__ = [
    "METHODS",
    "AmortizedIba",
    "ChannelStatistics",
    "ExplainContext",
    "ImageFiles",
    "LearnedFacts",
    "Method",
    "ZeroMapWarning",
    "channel_statistics",
    "check_options",
    "explain",
    "learn_amortized_iba",
    "list_methods",
    "prepare_options",
    "preserve_state",
]

make_callable(__name__, explain)
