"""The images that a run's page shows, chosen by the score of its task: best, typical and worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.data import evenly_spaced
from regard.evaluation.budgets import gallery_answers
from regard.evaluation.context import EvaluationContext
from regard.files import write_arrays
from regard.metrics import best_typical_worst
from regard.reading import read_arrays
from regard.report import Item
from regard.types import Batch, RegardError

EACH = 4
EVEN = 6
RULES = {
    "best": "lowest negative log-likelihood of the true label",
    "typical": "negative log-likelihood nearest to the median",
    "worst": "highest negative log-likelihood of the true label",
}
_MASK_RULES = {"best": "highest S-measure", "typical": "S-measure nearest to the median", "worst": "lowest S-measure"}


def write_run_gallery(context: EvaluationContext, scores: Mapping[str, Tensor], path: Path) -> tuple[Item, ...]:
    """Writes images, maps and masks to ``path`` (.npz) and returns what the page says about each.

    Nothing for a network of labels without attention; for masks the prediction stands in for a missing map. ``scores``
    are per image (N,): ``nll`` and, if there is one, ``energy_inside``; of masks ``s`` and ``mae``.
    """
    dense, observation = context.scoring.dense, context.observation
    if observation.map is None and not dense:
        return ()
    key, rules = ("s", _MASK_RULES) if dense else ("nll", RULES)
    better: Literal["higher", "lower"] = "higher" if dense else "lower"
    chosen = best_typical_worst(scores[key], EACH, better=better)
    index = torch.cat(list(chosen.values()))
    batch = context.split.batch(index)
    maps = observation.mean if observation.map is None else observation.map.values
    arrays = {
        "images": (batch.images * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        "maps": maps[index, 0].numpy().astype(np.float32),
    }
    if batch.masks is not None:
        arrays["masks"] = batch.masks[:, 0].byte().numpy()
    even = evenly_spaced(len(context.split), EVEN)  # the same for every run on these images
    arrays["even_rows"] = even.numpy()
    arrays["even_images"] = (context.split.batch(even).images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    arrays["even_maps"] = maps[even, 0].numpy().astype(np.float32)
    answers, bought = ([()] * len(index), None) if dense else gallery_answers(context, batch)
    if bought is not None:
        arrays["bought"] = bought.byte().numpy()
        arrays["order"] = context.model.purchases(batch.images.to(context.device))[:, 0].cpu().numpy()
    if dense:
        arrays["predictions"] = (observation.mean[index, 0] > 0.5).byte().numpy()
    write_arrays(path, arrays)
    item = _mask_item if dense else _label_item
    rows = enumerate((rule, int(i)) for rule, positions in chosen.items() for i in positions)
    items = [item(context, batch, scores, row, i, rule, rules[rule]) for row, (rule, i) in rows]
    return tuple(replace(item, answers=own) for item, own in zip(items, answers, strict=True))


@dataclass(frozen=True)
class EvenMaps:
    """Test images at even distances: rows in the split (G,), images uint8 (G,H,W,3), the run's maps (G,h,w)."""

    rows: NDArray[np.integer]
    images: NDArray[np.uint8]
    maps: NDArray[np.float32]


def read_even_maps(folder: Path) -> EvenMaps | None:
    """The evenly spaced images of a run's ``gallery.npz``; None where there are none (before 0.2, or without maps).

    Raises:
        RegardError: the file is damaged.
    """
    file = folder / "gallery.npz"
    if not file.is_file():
        return None
    remedy = f"evaluate again with `regard evaluate {folder}`"
    arrays = read_arrays(file, remedy)
    rows, images, maps = (arrays.get(f"even_{name}") for name in ("rows", "images", "maps"))
    if rows is None or images is None or maps is None:
        return None
    fits = rows.ndim == 1 and rows.dtype.kind in "iu" and images.shape[3:] == (3,) and images.dtype == np.uint8
    if not fits or maps.ndim != 3 or maps.dtype.kind != "f" or not len(rows) == len(images) == len(maps):
        raise RegardError(f"{file}: rows {rows.shape}, images {images.shape}, maps {maps.shape} do not fit; {remedy}")
    return EvenMaps(rows, images, maps.astype(np.float32))


def _label_item(
    context: EvaluationContext, batch: Batch, scores: Mapping[str, Tensor], row: int, i: int, rule: str, why: str
) -> Item:
    split, energy = context.split, scores.get("energy_inside")
    probability, label = context.observation.mean[i].max(0)
    truth = batch.labels[row]
    true = [int(truth)] if truth.ndim == 0 else truth.nonzero()[:, 0].tolist()
    score = {} if energy is None or energy[i].isnan() else {"energy inside": float(energy[i])}
    predicted = split.classes[int(label)]
    return Item(
        row,
        split.item_name(i),
        rule,
        why,
        ", ".join(split.classes[k] for k in true),
        predicted,
        float(probability),
        score,
    )


def _mask_item(
    context: EvaluationContext, batch: Batch, scores: Mapping[str, Tensor], row: int, i: int, rule: str, why: str
) -> Item:
    assert batch.masks is not None, "checked when the network was built"
    marked = float((context.observation.mean[i] > 0.5).float().mean())
    covered = float(batch.masks[row].float().mean())
    sentence = f"{marked:.0%} of the image marked; the object covers {covered:.0%}"
    score = {name: float(scores[key][i]) for name, key in (("S-measure", "s"), ("MAE", "mae"))}
    return Item(row, context.split.item_name(i), rule, why, "", sentence, score=score)
