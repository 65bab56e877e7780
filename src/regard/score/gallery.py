"""The images that the page shows: best, typical and worst by one score, with their maps and fixations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from regard.data import read_image
from regard.files import write_arrays
from regard.gaze import Fixations
from regard.score.maps import MapFiles
from regard.score.options import MapScores

_EACH = 4
_LARGEST = 384
BY = "nss"
WHY = {"best": "highest NSS", "typical": "NSS nearest to the median", "worst": "lowest NSS"}


def write_gallery(
    scores: MapScores, files: MapFiles, fixations: Fixations, images: str | Path, folder: str | Path
) -> list[dict[str, Any]]:
    """Writes ``gallery.npz`` and says what is in it: image_k, map_k, points_k (fixations as shares of width, height).

    An image is shown once, under the first rule that chooses it, so that few images are not shown three times over.

    Raises:
        RegardError: an image that cannot be read.
    """
    value = scores.values["maps"].get(BY, torch.empty(0)).nan_to_num(-torch.inf)
    if not len(value):
        return []
    order = value.argsort(stable=True)
    middle = (value - value.median()).abs().argsort(stable=True)
    chosen = {"best": order.flip(0)[:_EACH], "worst": order[:_EACH], "typical": middle[:_EACH]}
    seen: set[int] = set()
    arrays: dict[str, Any] = {}
    items: list[dict[str, Any]] = []
    for rule, index in chosen.items():
        for k in (int(i) for i in index if int(i) not in seen):
            seen.add(k)
            name, row = scores.images[k], len(items)
            picture = read_image(Path(images) / name)
            size = picture.size
            picture.thumbnail((_LARGEST, _LARGEST))
            points = fixations.select(images=[name]).points()[0].numpy() / size
            arrays |= {f"image_{row}": np.asarray(picture), f"points_{row}": points.astype(np.float32)}
            arrays[f"map_{row}"] = files.read(name)[0, 0].numpy().astype(np.float32)
            said = {metric: float(v[k]) for metric, v in scores.values["maps"].items() if not v[k].isnan()}
            items.append({"row": row, "image": name, "rule": rule, "why": WHY[rule], "score": said})
    write_arrays(Path(folder) / "gallery.npz", arrays, parents=True)
    return items
