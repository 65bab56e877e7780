"""A leaderboard: many classifiers, each explained by some methods, held against people, boxes and their own answers.

Not here: what is measured of one network's maps (evaluation, judge), how cells run (grid).
"""

from regard.experiments.leaderboard.networks import Network, find_networks
from regard.experiments.leaderboard.options import LeaderboardOptions
from regard.experiments.leaderboard.page import print_leaderboard, write_leaderboard_page
from regard.experiments.leaderboard.results import BoardRow, LeaderboardResults, read_leaderboard
from regard.experiments.leaderboard.run import leaderboard_plan_lines, make_leaderboard

__all__ = [
    "BoardRow",
    "LeaderboardOptions",
    "LeaderboardResults",
    "Network",
    "find_networks",
    "leaderboard_plan_lines",
    "make_leaderboard",
    "print_leaderboard",
    "read_leaderboard",
    "write_leaderboard_page",
]
