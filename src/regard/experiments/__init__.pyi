from .leaderboard import LeaderboardOptions as LeaderboardOptions
from .leaderboard import find_networks as find_networks
from .leaderboard import make_leaderboard as make_leaderboard
from .runner import NO_RESULT as NO_RESULT
from .runner import GridOptions as GridOptions
from .runner import grid_progress as grid_progress
from .shards import WorkerOptions as WorkerOptions
from .shards import evaluate_on_workers as evaluate_on_workers
from .shards import explain_on_workers as explain_on_workers
from .shards import judge_on_workers as judge_on_workers
from .shards import score_on_workers as score_on_workers
from .study import make_study as make_study
from .study import report_study as report_study
from .tables import make_table as make_table
from .tables import open_sweep as open_sweep
from .tables import open_table as open_table

__all__ = [
    "NO_RESULT",
    "GridOptions",
    "LeaderboardOptions",
    "WorkerOptions",
    "evaluate_on_workers",
    "explain_on_workers",
    "find_networks",
    "grid_progress",
    "judge_on_workers",
    "make_leaderboard",
    "make_study",
    "make_table",
    "open_sweep",
    "open_table",
    "report_study",
    "score_on_workers",
]
