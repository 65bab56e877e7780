"""Two scanpaths compared: string edit, sequence score, ScanMatch, MultiMatch. Not here: floors and ceilings.

A number alone says little: a gaze that rests on the centre is nearly as like a person's scanpath as another person's
is. `regard.score.score_scanpaths` compares with that, with other images' scanpaths and with other observers.
"""

from regard.metrics.scanpath.pair import SCANPATH_METRICS, scanpath_similarity
from regard.metrics.scanpath.saccades import MULTIMATCH, multimatch
from regard.metrics.scanpath.strings import (
    Scanpath,
    cluster_symbols,
    fixation_clusters,
    grid_symbols,
    scanmatch,
    sequence_score,
    string_edit,
)

__all__ = [
    "MULTIMATCH",
    "SCANPATH_METRICS",
    "Scanpath",
    "cluster_symbols",
    "fixation_clusters",
    "grid_symbols",
    "multimatch",
    "scanmatch",
    "scanpath_similarity",
    "sequence_score",
    "string_edit",
]
