"""any map held against where people look: scores with floors and ceilings, image by image, and models compared.

Not here: metrics (`regard.metrics.fixation`), densities and ceilings (`regard.gaze`), the page (`regard.report`).
"""

from regard.evaluation.scoring.compare import Comparison, compare
from regard.evaluation.scoring.files import summary_of, write_scores
from regard.evaluation.scoring.gallery import write_gallery
from regard.evaluation.scoring.inputs import read_fixations
from regard.evaluation.scoring.maps import MapFiles, open_maps
from regard.evaluation.scoring.options import MapScores, ScoreOptions
from regard.evaluation.scoring.run_maps import open_source
from regard.evaluation.scoring.score import score_maps

__all__ = [
    "Comparison",
    "MapFiles",
    "MapScores",
    "ScoreOptions",
    "compare",
    "open_maps",
    "open_source",
    "read_fixations",
    "score_maps",
    "summary_of",
    "write_gallery",
    "write_scores",
]
