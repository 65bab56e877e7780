"""Any map or scanpath against where people look: scores with floors and ceilings, per image, and models compared.

One folder holds the whole way of `regard score`: maps and fixations, scoring, results, page. Not here: metrics
(`regard.metrics.fixation`), densities and ceilings (`regard.gaze`), drawing (`regard.report`).
"""

from regard.score.importance import (
    ImportanceOptions,
    print_importance_scores,
    read_importance_results,
    score_importance,
    write_importance_page,
)
from regard.score.maps import MapFiles, MapSource, open_maps, open_source, read_fixations
from regard.score.page import print_comparison, print_map_scores, write_score_pages
from regard.score.people import PeopleResults
from regard.score.results import (
    METRIC_LABELS,
    MapKind,
    MapScores,
    ModelComparison,
    ScoreOptions,
    ScoreResults,
    read_comparison,
    read_score_results,
)
from regard.score.run import SourceScores, named_sources, score_sources
from regard.score.scanpath import (
    ScanpathOptions,
    print_scanpath_scores,
    read_scanpath_results,
    score_scanpaths,
    write_scanpath_page,
)
from regard.score.score import ScoreCarry, ScoredRows, Scoring, compare_models, score_maps

__all__ = [
    "METRIC_LABELS",
    "ImportanceOptions",
    "MapFiles",
    "MapKind",
    "MapScores",
    "MapSource",
    "ModelComparison",
    "PeopleResults",
    "ScanpathOptions",
    "ScoreCarry",
    "ScoreOptions",
    "ScoreResults",
    "ScoredRows",
    "Scoring",
    "SourceScores",
    "compare_models",
    "named_sources",
    "open_maps",
    "open_source",
    "print_comparison",
    "print_importance_scores",
    "print_map_scores",
    "print_scanpath_scores",
    "read_comparison",
    "read_fixations",
    "read_importance_results",
    "read_scanpath_results",
    "read_score_results",
    "score_importance",
    "score_maps",
    "score_scanpaths",
    "score_sources",
    "write_importance_page",
    "write_scanpath_page",
    "write_score_pages",
]
