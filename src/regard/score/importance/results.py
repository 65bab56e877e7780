"""importance.json: scores of models' maps against people's importance maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regard.report import read_dataclass
from regard.score.people import PeopleResults

IMPORTANCE_FLOORS: Mapping[str, str] = {
    "center": "a Gaussian in the centre",
    "people_elsewhere": "people's mean map of other images",
    "other_image": "another image's map",
}
"""The floors and their names."""
IMPORTANCE_LABELS = {
    "spearman": ("Rank correlation", "Spearman's, over the pixels of both maps."),
    "cc": ("Correlation", "Pearson's, over the pixels of both maps."),
    "top_iou": ("Overlap, top fifth", "Intersection over union of the fifth of the pixels that is highest."),
}
"""metric -> its label and meaning."""
IMPORTANCE_REMEDY = "score the maps again with `regard importance`"


def read_importance_results(folder: Path) -> PeopleResults:
    """``importance.json`` of a folder that `regard importance` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "importance.json", PeopleResults, IMPORTANCE_REMEDY)
