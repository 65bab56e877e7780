"""The images that the page shows: best, typical and worst by NSS, with their maps and fixations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regard.data import read_image
from regard.files import write_arrays
from regard.gaze import Fixations
from regard.metrics import best_typical_worst
from regard.score.maps import MapFiles
from regard.score.results import MapScores, ScoredItem

_EACH, _LARGEST = 4, 384  # images per rule; pixels of the longer side
_WHY = {"best": "highest NSS", "typical": "NSS nearest to the median", "worst": "lowest NSS"}


def write_score_gallery(
    scores: MapScores, files: MapFiles, fixations: Fixations, images: str | Path, folder: str | Path
) -> tuple[ScoredItem, ...]:
    """Writes ``gallery.npz`` (image_k, map_k, points_k: fixations as shares of width and height) and lists its rows.

    Raises:
        RegardError: an image that cannot be read.
    """
    by_metric = scores.values["maps"]
    arrays: dict[str, Any] = {}
    items: list[ScoredItem] = []
    chosen = best_typical_worst(by_metric["nss"], _EACH) if "nss" in by_metric else {}
    for rule, indices in chosen.items():
        for k in indices.tolist():
            name, row = scores.images[k], len(items)
            picture = read_image(Path(images) / name)
            size = picture.size
            picture.thumbnail((_LARGEST, _LARGEST))
            points = fixations.select(images=[name]).points()[0].numpy() / size
            arrays |= {f"image_{row}": np.asarray(picture), f"points_{row}": points.astype(np.float32)}
            arrays[f"map_{row}"] = files.read(name)[0, 0].numpy().astype(np.float32)
            values = {metric: float(v[k]) for metric, v in by_metric.items() if not v[k].isnan()}
            items.append(ScoredItem(row, name, rule, _WHY[rule], values))
    if items:
        write_arrays(Path(folder) / "gallery.npz", arrays, parents=True)
    return tuple(items)
