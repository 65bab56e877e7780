"""Whether the map lies on the object: energy, pointing, overlap, each with its floors on the map's own grid.

Whether the map lies near the parts by which a kind is told: beak, crown, wing and the like.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.data import Split, evenly_spaced
from regard.evaluation.box_baselines import boxed_floors
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
from regard.training import explain_batch
from regard.types import Map

VALIDATION_IMAGES = 512


def object_masks(split: Split) -> Tensor | None:
    """Masks (N,1,H,W) of a split: its own, or those of its boxes; None where it has neither."""
    parts = [batch_masks(split.batch(part)) for part in torch.arange(len(split)).split(512)]
    found = [part for part in parts if part is not None]
    return torch.cat(found) if found else None


def validation_maps(model: AttentiveClassifier | TwoStream, split: Split) -> tuple[Map, Tensor] | None:
    """Maps and masks of some validation images, on which thresholds are chosen; None without masks."""
    batch = split.batch(evenly_spaced(len(split), VALIDATION_IMAGES))
    masks = batch_masks(batch)
    if masks is None:
        return None
    map = explain_batch(model, batch.to(next(model.parameters()).device))
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


_REACH = 0.1
"""How near is near: this share of the square root of the box's area. Of CUB-GHA's fixations on 50 classes .72 are then
near a part, of random points in the box .26."""


def split_parts(split: Split) -> tuple[Float[Tensor, "N P 3"], Float[Tensor, "N 4"]] | None:
    """Parts and boxes of a split; None where it has not both. Only what lies in memory is looked at."""
    parts, boxes = getattr(split, "parts", None), getattr(split, "boxes", None)
    return None if parts is None or boxes is None else (parts.cpu(), boxes.cpu())


def near_parts(
    parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Bool[Tensor, "N 1 H W"]:
    """Pixels whose centre is within ``REACH`` of a visible part; none where no part is visible."""
    extent = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0)
    reach = (_REACH * extent.prod(1).sqrt()).clamp_min(1)[:, None, None]
    down, across = (torch.arange(n) + 0.5 for n in size)
    near = torch.zeros(len(parts), *size, dtype=torch.bool)
    for part in parts.unbind(1):
        x, y, visible = part.unbind(1)
        distance = (down - y[:, None]).square()[:, :, None] + (across - x[:, None]).square()[:, None, :]
        near |= (distance <= reach.square()) & (visible > 0)[:, None, None]
    return near[:, None]


def part_scores(
    map: Map, parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """A row of the table with its floors, and values an image by name (N,), floors as ``name/floor``."""
    near = near_parts(parts, boxes, size)
    values = energy_inside(map, near, negative="clip")
    beside = {"area share (a uniform map)": area_share(near)}
    for name, floor in boxed_floors(map, boxes, size, seed=seed).items():
        beside[name] = energy_inside(floor, near, negative="clip")
    row = entry(
        "energy_near_parts",
        "localization",
        "Energy near the object's parts",
        f"Share of the map within {_REACH:g} of the box's size (square root of its area) of a visible part.",
        values,
        better="higher",
        reasons=localization.undefined(map, near),
        references=[reference(name, "floor", found) for name, found in beside.items()],
    )
    arrays = {"energy_near_parts": values} | {f"energy_near_parts/{name}": found for name, found in beside.items()}
    return [row], arrays
