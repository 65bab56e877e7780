"""Whether the map lies on the object: energy, pointing, overlap, each with its floors on the map's own grid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.data import Split, spread
from regard.evaluation.entries import entry, reference
from regard.metrics import (
    area_share,
    batch_masks,
    best_threshold,
    controls,
    dilate,
    energy_inside,
    iou,
    localization,
    pointing_game,
)
from regard.models import AttentiveClassifier, TwoStream
from regard.training import show
from regard.types import Map

VALIDATION_IMAGES = 512


def object_masks(split: Split) -> Tensor | None:
    """Masks (N,1,H,W) of a split: its own, or those of its boxes; None where it has neither."""
    parts = [batch_masks(split.batch(part)) for part in torch.arange(len(split)).split(512)]
    found = [part for part in parts if part is not None]
    return torch.cat(found) if found else None


def validation_maps(model: AttentiveClassifier | TwoStream, split: Split) -> tuple[Map, Tensor] | None:
    """Maps and masks of some validation images, on which thresholds are chosen; None without masks."""
    batch = split.batch(spread(len(split), VALIDATION_IMAGES))
    masks = batch_masks(batch)
    if masks is None:
        return None
    map = show(model, batch.to(next(model.parameters()).device))
    return Map(map.values.cpu(), map.unit), masks.cpu()


def tolerance(masks: Tensor) -> int:
    """Pixels by which masks are dilated: a 24th of the shorter side, 2 pixels of 48."""
    return max(1, round(min(masks.shape[-2:]) / 24))


def floors(map: Map, *, seed: int) -> dict[str, Map]:
    """What a map has to beat, on its own grid: centre, random of its bandwidth and histogram, another image's."""
    N, _, h, w = map.values.shape
    return {
        "centre": controls.centre(N, (h, w)),
        "random, same bandwidth": controls.random_like(map, index=torch.arange(N), seed=seed),
        "another image's map": controls.permuted(map, seed=seed),
    }


def localization_scores(map: Map, masks: Tensor, val: tuple[Map, Tensor] | None, *, seed: int) -> list[dict[str, Any]]:
    """Energy inside, pointing game and IoU of test maps; the IoU's threshold comes from validation maps and masks."""
    pixels = tolerance(masks)
    wide = dilate(masks, pixels)
    others = floors(map, seed=seed)
    share = area_share(wide)
    reasons = localization.undefined(map, wide)
    what = "bits" if map.unit == "bits" else "gate"
    rows = [
        entry(
            "energy_inside",
            "localization",
            f"Energy of the map's {what} inside the object",
            f"Share of the map's {what} that lies on the object, its mask dilated by {pixels} pixels.",
            energy_inside(map, wide),
            better="higher",
            reasons=reasons,
            references=[reference("area share (a uniform map)", "floor", share)]
            + [reference(name, "floor", energy_inside(other, wide)) for name, other in others.items()],
        ),
        entry(
            "energy_over_area",
            "localization",
            "Energy over area share",
            "How many times more of the map lies on the object than chance would put there; mean of ratios.",
            energy_inside(map, wide) / share,
            better="higher",
            reasons=reasons,
            references=[reference("chance", "floor", 1.0)],
        ),
        entry(
            "pointing",
            "localization",
            "Pointing game",
            f"Share of images whose largest map value lies on the object, its mask dilated by {pixels} pixels.",
            pointing_game(map, masks, tolerance=pixels),
            better="higher",
            reasons=reasons,
            references=[reference(name, "floor", pointing_game(other, wide)) for name, other in others.items()],
        ),
    ]
    if val is not None:
        threshold = best_threshold(*val)
        rows.append(
            entry(
                "iou",
                "localization",
                "Overlap with the object (IoU)",
                f"Intersection over union of mask and map at {threshold:.3g} {map.unit}, chosen on validation images.",
                iou(map, masks, threshold=threshold),
                better="higher",
                reasons=localization.undefined(map, masks),
                references=[
                    reference(name, "floor", iou(other, masks, threshold=threshold))
                    for name, other in others.items()
                    if name != "centre"  # a gate's threshold means nothing on another scale
                ],
            )
        )
    return rows
