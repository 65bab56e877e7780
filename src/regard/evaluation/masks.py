"""Predicted masks against the objects', each score beside what needs no network: a mean mask, a centre, everything."""

from __future__ import annotations

import torch
from torch import Tensor

from regard.data import Split, evenly_spaced
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns, Value, object_masks
from regard.evaluation.observe import observe
from regard.evaluation.rows import MEAN_MASK, TWIN
from regard.metrics import controls
from regard.metrics.salient_object import f_curve, mask_conditions, salient_object_scores

_ALL = "all object"


def masks(context: EvaluationContext) -> Columns:
    """Scores of predicted masks and their overlap with the objects', beside the plain twin and three blind answers."""
    validation = observe(context.model, context.data.val, seed=context.seed, mean_only=True).mean
    wanted = object_masks(context.data.val)
    assert context.masks is not None, "checked when the network was built"
    assert wanted is not None, "likewise"
    twin = None if context.twin is None else context.twin.observation.mean
    prediction = context.observation.mean
    return score_masks(prediction, context.masks, (validation, wanted), train_masks(context.data.train), twin)


def score_masks(
    prediction: Tensor, masks: Tensor, validation: tuple[Tensor, Tensor], train: Tensor, twin: Tensor | None = None
) -> Columns:
    """`masks` of predictions (N,1,H,W), those of the plain ``twin`` likewise.

    ``validation`` has predictions and masks on which the threshold of the IoU is chosen; the mean of the ``train``
    masks is the floor, whose own threshold is chosen on these masks.
    """
    mean = train.float().mean(0, keepdim=True)
    centre = controls.center_map(1, (masks.shape[-2], masks.shape[-1])).values
    blind = {
        MEAN_MASK: mean.expand_as(prediction),
        "centre": (centre / centre.amax()).float().expand_as(prediction),
        _ALL: torch.ones_like(prediction),
    }
    threshold = chosen_threshold(*validation)
    overlap = iou_at(prediction, masks, threshold)
    values: dict[str, Value] = {**_scores(prediction, masks), "mask_iou": overlap}
    references = []
    if twin is not None:
        plain = {name: score for name, score in _scores(twin, masks).items() if name != "max_f_one_threshold"}
        references.append(ReferenceColumns(TWIN, "control", plain))
    thresholds = {MEAN_MASK: chosen_threshold(mean.expand(len(train), -1, -1, -1), train), _ALL: 0.5}
    for label, answer in blind.items():
        scores = _scores(answer, masks)
        if label in thresholds:
            scores["mask_iou"] = iou_at(answer, masks, thresholds[label])
        references.append(ReferenceColumns(label, "floor", scores))
    f_reasons = mask_conditions(masks)
    return Columns(
        values,
        tuple(references),
        reasons={name: f_reasons for name in values if name.endswith("_f")}
        | {"mask_iou": {"nothing marked and no object": overlap.isnan()}},
        details={"mask_threshold": threshold},
    )


def _scores(prediction: Tensor, masks: Tensor) -> dict[str, Value]:
    """Per image, and maxF as papers print it: one threshold for all images."""
    return {
        **salient_object_scores(prediction.contiguous(), masks),
        "max_f_one_threshold": float(f_curve(prediction, masks).nanmean(0).amax()),
    }


def iou_at(prediction: Tensor, masks: Tensor, threshold: float) -> Tensor:
    """Intersection over union (N,) of masks and predictions above a threshold; NaN where both are empty."""
    above = prediction > threshold
    both, either = (above & masks).flatten(1).sum(1), (above | masks).flatten(1).sum(1)
    return torch.where(either > 0, both / either, torch.nan).double()


def chosen_threshold(prediction: Tensor, masks: Tensor) -> float:
    """The twentieth of [0,1] with the largest mean IoU; the first of equals."""
    steps = [k / 20 for k in range(1, 20)]
    return max(steps, key=lambda t: float(iou_at(prediction, masks, t).nanmean()))


def train_masks(train: Split, limit: int = 1000) -> Tensor:
    """Masks of at most ``limit`` training images, evenly spread."""
    parts = [train.batch(part).masks for part in evenly_spaced(len(train), limit).split(128)]
    return torch.cat([part for part in parts if part is not None])
