from .leaderboard import LeaderboardOptions as LeaderboardOptions
from .leaderboard import find_networks as find_networks
from .leaderboard import make_leaderboard as make_leaderboard
from .runner import NO_RESULT as NO_RESULT
from .runner import GridOptions as GridOptions
from .runner import grid_progress as grid_progress
from .study import make_study as make_study
from .study import report_study as report_study
from .tables import make_table as make_table
from .tables import open_sweep as open_sweep
from .tables import open_table as open_table

__all__ = [
    "NO_RESULT",
    "GridOptions",
    "LeaderboardOptions",
    "find_networks",
    "grid_progress",
    "make_leaderboard",
    "make_study",
    "make_table",
    "open_sweep",
    "open_table",
    "report_study",
]
