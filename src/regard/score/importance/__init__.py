"""Maps of models against what people have marked as important: by clicks, bubbles, strokes, or as masks.

Not here: where people look (`regard.score.score_maps`, `regard.score.scanpath`).
"""

from regard.score.importance.page import print_importance_scores, write_importance_page
from regard.score.importance.results import read_importance_results
from regard.score.importance.score import ImportanceOptions, score_importance

__all__ = [
    "ImportanceOptions",
    "print_importance_scores",
    "read_importance_results",
    "score_importance",
    "write_importance_page",
]
