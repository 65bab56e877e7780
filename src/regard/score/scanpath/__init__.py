"""Scanpaths of models against people's: scores with floors and ceiling, per image, as files and page.

Not here: similarities of two scanpaths (`regard.metrics.scanpath`).
"""

from regard.score.scanpath.page import print_scanpath_scores, write_scanpath_page
from regard.score.scanpath.results import read_scanpath_results
from regard.score.scanpath.score import ScanpathOptions, score_scanpaths

__all__ = [
    "ScanpathOptions",
    "print_scanpath_scores",
    "read_scanpath_results",
    "score_scanpaths",
    "write_scanpath_page",
]
