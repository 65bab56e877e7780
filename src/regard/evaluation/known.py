"""What a data set knows of its images beyond labels and masks: parts of the object, and where people looked."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from regard.data import DataSplits
from regard.evaluation.parts import part_scores, split_parts
from regard.evaluation.people import gaze_scores
from regard.types import Map


def known_scores(data: DataSplits, map: Map, *, seed: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Rows of the table and values an image (N,) by name, of the test split; nothing where the set knows nothing."""
    found = split_parts(data.test)
    if found is None:
        return [], {}
    parts, boxes = found
    images = data.test.batch([0]).images
    rows, arrays = part_scores(map, parts, boxes, (images.shape[-2], images.shape[-1]), seed=seed)
    if data.gaze is not None:
        more, values = gaze_scores(map, data.gaze(), boxes, seed=seed)
        rows, arrays = rows + more, arrays | values
    return rows, arrays
