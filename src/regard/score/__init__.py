"""any map held against where people look: scores with floors and ceilings, image by image, and models compared.

Not here: metrics (`regard.metrics.fixation`), densities and ceilings (`regard.gaze`), the page (`regard.report`).
"""

from regard.score.gallery import write_gallery
from regard.score.maps import MapFiles, open_maps, open_source, read_fixations
from regard.score.options import MapScores, ScoreOptions
from regard.score.page import print_compared, print_scored, write_scored_page
from regard.score.results import METRIC_LABELS, read_scored
from regard.score.run import named_sources, score_sources
from regard.score.score import Comparison, compare, score_maps, summary_of, write_scores

__all__ = [
    "METRIC_LABELS",
    "Comparison",
    "MapFiles",
    "MapScores",
    "ScoreOptions",
    "compare",
    "named_sources",
    "open_maps",
    "open_source",
    "print_compared",
    "print_scored",
    "read_fixations",
    "read_scored",
    "score_maps",
    "score_sources",
    "summary_of",
    "write_gallery",
    "write_scored_page",
    "write_scores",
]
