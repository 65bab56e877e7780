"""A run that segments, judged on its test split: masks beside their floors, the map beside the object and people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import DataSplits, Split
from regard.evaluation.entries import entry, reference, write_per_image
from regard.evaluation.gaze import aligned_scores
from regard.evaluation.localization import localization_scores
from regard.evaluation.mask_scores import mask_scores
from regard.evaluation.prediction import RATES
from regard.evaluation.warnings import imposed_words
from regard.files import write_arrays
from regard.metrics import best_typical_worst
from regard.metrics.salient_object import all_scores
from regard.models import Segmenter
from regard.training import Recipe, forward_batch, load_model, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Map

_BATCH = 64
_EACH = 4
_RULES = {
    "best": "highest S-measure",
    "typical": "S-measure nearest to the median",
    "worst": "lowest S-measure",
}


@dataclass(frozen=True)
class Seen:
    """What a segmenter said of a split of N images.

    Attributes:
        mean: probabilities of the mean map (N,1,H,W).
        masks: of the objects (N,1,H,W).
        map: what the last attended layer shows; None without.
        rates: one-sample bits an image by name (N,).
    """

    mean: Tensor
    masks: Tensor
    map: Map | None
    rates: dict[str, Tensor]


def observe_masks(model: Segmenter, split: Split, *, seed: int) -> Seen:
    """Looks at every image once, and once more with one sampled map, whose noise is a function of seed and batch."""
    parts: dict[str, list[Tensor]] = {}
    unit: Any = None
    device = next(model.parameters()).device
    with eval_mode(model):
        for index in torch.arange(len(split)).split(_BATCH):
            batch = split.batch(index)
            assert batch.masks is not None
            batch = batch.to(device)
            output = forward_batch(model, batch, samples=0)
            found = {"mean": output.probabilities, "masks": batch.masks}
            if output.attention:
                shown = model.shown(output.attention[-1])
                found["map"], unit = shown.values, shown.unit
                seed_everything(seed, int(index[0]))
                rates = sampled_rates(model, forward_batch(model, batch, samples=1))
                found |= {name: nats / NATS_PER_BIT for name, nats in rates.items()}
            for name, values in found.items():
                parts.setdefault(name, []).append(values.cpu())
    seen = {name: torch.cat(values) for name, values in parts.items()}
    return Seen(
        mean=seen["mean"].float(),
        masks=seen["masks"],
        map=None if unit is None else Map(seen["map"].float(), unit),
        rates={name: seen[name].float() for name in RATES if name in seen},
    )


def evaluate_segmentation(
    folder: Path, recipe: Recipe, model: Segmenter, data: DataSplits, device: torch.device | str
) -> dict[str, Any]:
    """What ``evaluation.json`` says; writes ``per_image.npz`` and ``gallery.npz`` beside it."""
    seed = recipe.train.seed
    model = model.to(device)
    seen, val = (observe_masks(model, split, seed=seed) for split in (data.test, data.val))
    twin, twin_model = None, None
    if (folder / "twin" / "model").is_dir():
        twin_model = load_model(folder / "twin", Segmenter).to(device)
        twin = observe_masks(twin_model, data.test, seed=seed).mean
    rows, arrays = mask_scores(seen.mean, seen.masks, (val.mean, val.masks), data.train, twin)
    for name, values in seen.rates.items():
        label, meaning, budget = RATES[name]
        asked = getattr(recipe.objective, budget)
        beside = [] if asked is None else [reference("asked for", "control", float(asked))]
        rows.append(entry(name, "information", label, meaning, values, unit="bits", references=beside))
    arrays |= seen.rates
    if seen.map is not None and val.map is not None:
        rows += localization_scores(seen.map, seen.masks, (val.map, val.masks), seed=seed)
        where, known = aligned_scores(recipe, model, data)
        rows, arrays = rows + where, arrays | known
    write_per_image(folder, arrays)
    shown = seen.map or Map(seen.mean, "gate")
    return {
        "scores": rows,
        "gallery": _gallery(data.test, seen, shown, folder / "gallery.npz"),
        "curves": {},
        "interventions": [],
        "anchors": None,
        "map": {"unit": shown.unit, "meaning": "" if seen.map else "How much each pixel is the object, from 0 to 1."},
        "warnings": imposed_words(recipe, data.test) + _warnings(model, seen),
        "twin_parameters": None if twin_model is None else sum(p.numel() for p in twin_model.parameters()),
    }


def _warnings(model: Segmenter, seen: Seen) -> list[str]:
    told: list[str] = []
    if seen.map is None:
        return told
    spread = float((seen.map.values.amax((1, 2, 3)) - seen.map.values.amin((1, 2, 3))).median())
    if spread < 1e-3:
        told.append("The map is constant: it has the same value everywhere on most images, so it shows nothing.")
    if not model.cut.is_cut:
        ways = "; ".join(model.cut.bypasses)
        told.append(f"The gate is no cut ({ways}): what the map closes may still be used, and no gate bits are given.")
    return told


def _gallery(split: Split, seen: Seen, shown: Map, path: Path) -> list[dict[str, Any]]:
    """Writes images, maps, masks and predicted masks to ``path`` (.npz) and returns what the page says of each."""
    scores = all_scores(seen.mean, seen.masks)
    chosen = best_typical_worst(scores["s"], _EACH)
    rows = torch.cat(list(chosen.values()))
    arrays = {
        "images": (split.batch(rows).images * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        "maps": shown.values[rows, 0].numpy().astype(np.float32),
        "masks": seen.masks[rows, 0].byte().numpy(),
        "predictions": (seen.mean[rows, 0] > 0.5).byte().numpy(),
    }
    write_arrays(path, arrays)
    items = []
    for row, (rule, i) in enumerate((rule, int(i)) for rule, index in chosen.items() for i in index):
        own, wanted = float((seen.mean[i] > 0.5).float().mean()), float(seen.masks[i].float().mean())
        said = f"{own:.0%} of the image marked; the object covers {wanted:.0%}"
        numbers = {name: float(scores[key][i]) for name, key in (("S-measure", "s"), ("MAE", "mae"))}
        items.append(
            {"row": row, "item": split.item_name(i), "rule": rule, "why": _RULES[rule], "truth": "", "prediction": said}
            | {"probability": None, "score": numbers}
        )
    return items
