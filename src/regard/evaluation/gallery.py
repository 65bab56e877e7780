"""The images that the page shows, chosen by rule: best, worst and typical."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.data import Split
from regard.evaluation.observe import Observation
from regard.files import write_arrays
from regard.metrics import best_typical_worst

EACH = 4
RULES = {
    "best": "lowest surprise at the true label",
    "typical": "surprise nearest to the median",
    "worst": "highest surprise at the true label",
}


def gallery(
    split: Split, seen: Observation, surprise: Tensor, energy: Tensor | None, path: Path
) -> list[dict[str, Any]]:
    """Writes images, maps and masks to ``path`` (.npz) and returns what the page says of each."""
    if seen.map is None:
        return []
    chosen = best_typical_worst(surprise, EACH, better="lower")
    rows = torch.cat(list(chosen.values()))
    batch = split.batch(rows)
    arrays = {
        "images": (batch.images * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        "maps": seen.map.values[rows, 0].numpy().astype(np.float32),
    }
    if batch.masks is not None:
        arrays["masks"] = batch.masks[:, 0].byte().numpy()
    write_arrays(path, arrays)
    items = []
    for row, (rule, i) in enumerate((rule, int(i)) for rule, index in chosen.items() for i in index):
        probability, said = seen.mean[i].max(0)
        truth = batch.labels[row]
        names = [split.classes[int(truth)]] if truth.ndim == 0 else _names(split, truth)
        item = {"row": row, "item": split.item_name(i), "rule": rule, "why": RULES[rule], "truth": ", ".join(names)}
        item |= {"prediction": split.classes[int(said)], "probability": float(probability)}
        item["score"] = {} if energy is None or energy[i].isnan() else {"energy inside": float(energy[i])}
        items.append(item)
    return items


def _names(split: Split, truth: Tensor) -> list[str]:
    return [name for name, is_true in zip(split.classes, truth, strict=True) if is_true]
