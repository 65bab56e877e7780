"""`explain`, `judge`, `score` and `evaluate` over many images in worker processes, with the results of one process.

Each file cuts one command's work into shards, which are cells of a grid, and joins what they leave. Not here: the work
itself (judge, score, evaluation), how cells run (`regard.experiments.grid`).
"""

from regard.experiments.shards.evaluate import evaluate_on_workers
from regard.experiments.shards.explain import explain_on_workers
from regard.experiments.shards.judge import judge_on_workers
from regard.experiments.shards.run import WorkerOptions
from regard.experiments.shards.score import score_on_workers

__all__ = [
    "WorkerOptions",
    "evaluate_on_workers",
    "explain_on_workers",
    "judge_on_workers",
    "score_on_workers",
]
