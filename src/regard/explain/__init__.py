"""maps out of any classifier, ours or foreign, as one type: one method, or one family of methods, a file.

Not here: judging the maps (metrics), drawing them (report).
"""

from regard.explain.context import ExplainContext
from regard.explain.explain import ZeroMapWarning, explain
from regard.explain.iba import ChannelStatistics, channel_statistics
from regard.explain.methods import METHODS, Method
from regard.explain.preserve import preserve_state

__all__ = [
    "METHODS",
    "ChannelStatistics",
    "ExplainContext",
    "Method",
    "ZeroMapWarning",
    "channel_statistics",
    "explain",
    "preserve_state",
]
