"""maps out of any classifier, ours or foreign, as one type: one method, or one family of methods, a file.

Not here: judging the maps (metrics), drawing them (report).
"""

from regard.explain.context import Question
from regard.explain.explain import ZeroMapWarning, explain
from regard.explain.iba import ChannelStatistics, channel_statistics
from regard.explain.methods import METHODS, Method
from regard.explain.preserve import untouched

__all__ = [
    "METHODS",
    "ChannelStatistics",
    "Method",
    "Question",
    "ZeroMapWarning",
    "channel_statistics",
    "explain",
    "untouched",
]
