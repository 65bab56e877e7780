"""scanpaths.json: scores of models' scanpaths, of floors and of people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regard.report import read_dataclass
from regard.score.people import PeopleResults

FLOORS: Mapping[str, str] = {"center": "gaze on the centre", "other_image": "people on another image"}
"""The floors and their names."""
SCANPATH_LABELS = {
    "sequence_score": ("Sequence score", "Longest common subsequence of visited clusters of people's fixations."),
    "string_edit": ("String edit", "1 less the share of fixations to edit, on a grid of 5 x 5 cells."),
    "scanmatch": ("ScanMatch", "Alignment in 12 x 8 cells, near ones nearly alike."),
    "scanmatch_time": ("ScanMatch, time", "The same, a fixation once every 50 ms."),
    "multimatch_shape": ("MultiMatch, shape", "Saccades as vectors."),
    "multimatch_direction": ("MultiMatch, direction", "Directions of saccades."),
    "multimatch_length": ("MultiMatch, length", "Lengths of saccades."),
    "multimatch_position": ("MultiMatch, position", "Where saccades start."),
    "multimatch_duration": ("MultiMatch, duration", "Durations of fixations."),
}
"""metric of `regard.metrics.scanpath` -> its label and meaning."""
SCANPATH_REMEDY = "score the scanpaths again with `regard scanpaths`"


def read_scanpath_results(folder: Path) -> PeopleResults:
    """``scanpaths.json`` of a folder that `regard scanpaths` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "scanpaths.json", PeopleResults, SCANPATH_REMEDY)
