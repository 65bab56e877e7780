from .compare import ComparedRuns, compare_with_first
from .find import FoundRun, RunList, RunState, find_runs, is_run
from .prune import Pruned, PrunePlan, plan_pruning, remove
from .share import Shared, share_run

__all__ = [
    "ComparedRuns",
    "FoundRun",
    "PrunePlan",
    "Pruned",
    "RunList",
    "RunState",
    "Shared",
    "compare_with_first",
    "find_runs",
    "is_run",
    "plan_pruning",
    "remove",
    "share_run",
]
