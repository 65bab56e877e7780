"""Predicted masks against the objects', each score beside what needs no network: a mean mask, a centre, everything."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from regard.data import Split, evenly_spaced
from regard.evaluation.entries import entry, reference
from regard.metrics import controls
from regard.metrics.salient_object import all_scores, conditions, f_curve

MEAN_MASK = "mean mask of the training images"
SCORES: dict[str, tuple[str, str, Literal["higher", "lower"]]] = {
    "s": ("S-measure", "Structure of object, ground and quarters (Fan et al. 2017).", "higher"),
    "mean_f": (
        "F, mean over thresholds",
        "Precision and recall (beta squared .3), mean of 256 thresholds.",
        "higher",
    ),
    "max_f": ("F, best threshold an image", "F at the threshold that is best for each very image.", "higher"),
    "adaptive_f": ("F, adaptive threshold", "F at twice the mean of the prediction.", "higher"),
    "weighted_f": ("F, weighted", "F whose errors weigh by place and neighbourhood (Margolin et al. 2014).", "higher"),
    "mae": ("MAE", "Mean absolute error of the probabilities.", "lower"),
    "max_e": (
        "E, best threshold an image",
        "Agreement of thresholded prediction and mask (Fan 2018).",
        "higher",
    ),
    "mean_e": ("E, mean over thresholds", "The same, averaged over 256 thresholds.", "higher"),
    "adaptive_e": ("E, adaptive threshold", "The same, at twice the mean of the prediction.", "higher"),
}


def mask_scores(
    prediction: Tensor, masks: Tensor, val: tuple[Tensor, Tensor], train: Split, twin: Tensor | None
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Rows of the table, and values an image (N,) by name.

    Args:
        prediction: probabilities (N,1,H,W) of test images.
        masks: theirs (N,1,H,W).
        val: the same of validation images, on which the threshold of the IoU is chosen.
        train: whose mean mask is the floor; the floor's own threshold is chosen there, too.
        twin: probabilities of the plain twin.
    """
    wanted = train_masks(train)
    mean = wanted.float().mean(0, keepdim=True)
    size = (masks.shape[-2], masks.shape[-1])
    centre = controls.centre(1, size).values
    floors = {
        MEAN_MASK: mean.expand_as(prediction),
        "centre": (centre / centre.amax()).float().expand_as(prediction),
        "all object": torch.ones_like(prediction),
    }
    found = {name: _scores(values, masks) for name, values in {"": prediction, **floors}.items()}
    if twin is not None:
        found["plain twin"] = _scores(twin, masks)
    control = "plain twin" if twin is not None else MEAN_MASK
    rows = []
    for key, (label, meaning, better) in SCORES.items():
        rows.append(
            entry(
                key,
                "prediction",
                label,
                meaning,
                found[""][key],
                better=better,
                reasons=conditions(masks) if key.endswith("_f") else None,
                references=[
                    reference(name, "control" if name == "plain twin" else "floor", found[name][key])
                    for name in ("plain twin", *floors)
                    if name in found
                ],
                against=(control, found[control][key]),
            )
        )
    published = {name: _published(values, masks) for name, values in {"": prediction, **floors}.items()}
    rows.append(_one_threshold(published, len(masks)))
    row, overlap = _overlap(prediction, masks, val, floors, wanted)
    arrays = found[""] | {"iou": overlap} | {f"{key}/plain twin": v for key, v in found.get("plain twin", {}).items()}
    return [*rows, row], arrays


def iou_at(prediction: Tensor, masks: Tensor, threshold: float) -> Tensor:
    """Intersection over union (N,) of masks and predictions above a threshold; NaN where both are empty."""
    above = prediction > threshold
    both, either = (above & masks).flatten(1).sum(1), (above | masks).flatten(1).sum(1)
    return torch.where(either > 0, both / either, torch.nan).double()


def chosen_threshold(prediction: Tensor, masks: Tensor) -> float:
    """The twentieth of [0,1] with the largest mean IoU; the first of equals."""
    steps = [k / 20 for k in range(1, 20)]
    return max(steps, key=lambda t: float(iou_at(prediction, masks, t).nanmean()))


def _overlap(
    prediction: Tensor, masks: Tensor, val: tuple[Tensor, Tensor], floors: dict[str, Tensor], train: Tensor
) -> tuple[dict[str, Any], Tensor]:
    threshold = chosen_threshold(*val)
    own = iou_at(prediction, masks, threshold)
    mean = floors[MEAN_MASK][:1]
    floor = iou_at(floors[MEAN_MASK], masks, chosen_threshold(mean.expand(len(train), -1, -1, -1), train))
    row = entry(
        "mask_iou",
        "prediction",
        "Overlap with the object's mask (IoU)",
        f"Intersection over union above a probability of {threshold:g}, chosen on validation images.",
        own,
        better="higher",
        reasons={"nothing marked and no object": own.isnan()},
        references=[
            reference(MEAN_MASK, "floor", floor),
            reference("all object", "floor", iou_at(floors["all object"], masks, 0.5)),
        ],
        against=(MEAN_MASK, floor),
    )
    return row, own


def _one_threshold(published: dict[str, float], count: int) -> dict[str, Any]:
    """MaxF as papers print it: a number of the whole split, so without an interval over images."""
    return {
        "key": "max_f_one_threshold",
        "group": "prediction",
        "label": "maxF, as published",
        "meaning": "F averaged over images at each of 256 thresholds, the largest: one threshold for all images.",
        "unit": "",
        "better": "higher",
        "value": published[""],
        "low": None,
        "high": None,
        "n": count,
        "undefined": {},
        "references": [{"label": k, "role": "floor", "value": v} for k, v in published.items() if k],
        "difference": None,
    }


def _published(prediction: Tensor, masks: Tensor) -> float:
    return float(f_curve(prediction, masks).nanmean(0).amax())


def _scores(prediction: Tensor, masks: Tensor) -> dict[str, Tensor]:
    return all_scores(prediction.contiguous(), masks)


def train_masks(train: Split, limit: int = 1000) -> Tensor:
    """Masks of at most ``limit`` training images, evenly spread."""
    parts = [train.batch(part).masks for part in evenly_spaced(len(train), limit).split(128)]
    return torch.cat([part for part in parts if part is not None])
