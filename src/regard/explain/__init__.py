"""Explain any classifier, regard's or not: one family of methods per file, every method returns a `Map`.

Not here: testing the maps (metrics), drawing them (report).
"""

from regard._callable import make_callable
from regard.explain.context import ExplainContext, preserve_state
from regard.explain.explain import ZeroMapWarning, explain
from regard.explain.iba import ChannelStatistics, channel_statistics
from regard.explain.methods import METHODS, Method, list_methods

__all__ = [
    "METHODS",
    "ChannelStatistics",
    "ExplainContext",
    "Method",
    "ZeroMapWarning",
    "channel_statistics",
    "explain",
    "list_methods",
    "preserve_state",
]

make_callable(__name__, explain)
