"""Does a map point at the object? Energy inside the mask, pointing game, intersection over union.

A map is resized to the mask's grid by `Map.resize`. Per-image values, NaN where undefined; `undefined` says which and
why. An image without an object has no answer, so it is never a hit and never a miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.masks import Shape, dilate
from regard.metrics.rounding import ROUNDING
from regard.types import Map, RegardError

Masks = Bool[Tensor, "B 1 H W"]


def _on_grid(map: Map, masks: Tensor) -> Tensor:
    """Map values (B,H,W), float32, on the mask's grid."""
    if len(map.values) != len(masks):
        raise RegardError(f"localization: {len(map.values)} maps for {len(masks)} masks; give one mask a map")
    values = Map(map.values.float(), map.unit).resize((masks.shape[2], masks.shape[3])).values
    return values[:, 0]


def undefined(map: Map, masks: Masks) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have no value and why, for `scores.score(..., reasons=...)`; one dict serves all metrics here."""
    values = map.values.flatten(1)
    return {
        "map not finite": ~values.isfinite().all(1),
        "empty mask": ~masks.flatten(1).any(1),
        "map without mass": (values <= 0).all(1),
    }


def _drop(scores: Tensor, map: Map, masks: Tensor) -> Tensor:
    reasons = undefined(map, masks)
    return scores.masked_fill(reasons["map not finite"] | reasons["empty mask"], torch.nan)


def area_share(masks: Masks) -> Float[Tensor, " B"]:
    """Share of the image that the mask covers: what a uniform map scores as energy, and in the pointing game."""
    return masks.flatten(1).float().mean(1)


def energy_inside(map: Map, masks: Masks, *, negative: Literal["error", "clip"] = "error") -> Float[Tensor, " B"]:
    """Mass of the map inside the mask over all its mass, in [0,1]; read it beside `area_share`.

    NaN for an empty mask, a map that is nowhere positive, or one that is not finite.

    Args:
        map: (B,1,h,w).
        masks: (B,1,H,W).
        negative: what to do with negative values, which have no share of a mass: refuse, or count them as 0 (before
            resizing).

    >>> half = torch.tensor([[[[True, False]]]])
    >>> energy_inside(Map(torch.tensor([[[[3.0, 1.0]]]]), "gate"), half).item()
    0.75
    """
    values = map.values.float()
    if negative == "error" and (values < -ROUNDING * values.abs().amax((2, 3), keepdim=True)).any():
        raise RegardError(f"energy_inside: a map falls to {values.min():g}; pass negative='clip' to count that as none")
    grid = _on_grid(Map(values.clamp_min(0), map.unit), masks)
    inside = (grid * masks[:, 0]).sum((1, 2)) / grid.sum((1, 2))  # 0/0 is NaN, as it should be
    return _drop(inside, map, masks)


def pointing_game(map: Map, masks: Masks, *, tolerance: float | int = 0, shape: Shape = "disc") -> Float[Tensor, " B"]:
    """1 if the map's maximum lies in the mask, else 0; of several tied maxima the share that does (Zhang et al. 2018).

    A constant map therefore scores the mask's area share. NaN for an empty mask or a map that is not finite.

    Args:
        map: (B,1,h,w).
        masks: (B,1,H,W).
        tolerance: pixels of the mask's grid by which the mask is dilated first (15 in the original, on full images).
        shape: of that dilation, see `masks.dilate`.

    >>> mask = torch.tensor([[[[True, False, False]]]])
    >>> pointing_game(Map(torch.tensor([[[[1.0, 0.0, 1.0]]]]), "gate"), mask).item()
    0.5
    """
    grid = _on_grid(map, masks)
    top = grid.amax((1, 2), keepdim=True)
    ties = grid >= top - ROUNDING * top.abs()
    target = dilate(masks, tolerance, shape=shape)[:, 0]
    hits = (ties & target).sum((1, 2)) / ties.sum((1, 2))
    return _drop(hits, map, masks)


def _scaled(map: Map, masks: Tensor, relative: bool) -> Tensor:
    grid = _on_grid(map, masks)
    return grid / grid.amax((1, 2), keepdim=True).clamp_min(torch.finfo(grid.dtype).tiny) if relative else grid


def iou(map: Map, masks: Masks, *, threshold: float | int, relative: bool = False) -> Float[Tensor, " B"]:
    """Intersection over union of {map >= threshold} and the mask; NaN for an empty mask or a map that is not finite.

    Args:
        map: (B,1,h,w).
        masks: (B,1,H,W).
        threshold: in the map's own unit; choose it by `best_threshold` on the validation split.
        relative: divide each map by its maximum first, for maps whose scale differs from image to image.

    >>> mask = torch.tensor([[[[True, False]]]])
    >>> iou(Map(torch.tensor([[[[0.9, 0.8]]]]), "gate"), mask, threshold=0.5).item()
    0.5
    """
    return _drop(_overlap(_scaled(map, masks, relative), masks, threshold), map, masks)


def _overlap(grid: Tensor, masks: Tensor, threshold: float) -> Tensor:
    found, target = grid >= threshold, masks[:, 0]
    return (found & target).sum((1, 2)) / (found | target).sum((1, 2))


def best_threshold(map: Map, masks: Masks, *, relative: bool = False, candidates: int | Sequence[float] = 64) -> float:
    """Threshold with the largest mean `iou` on the *validation* split; the lowest of equals.

    Args:
        map: maps of the validation split (B,1,h,w).
        masks: (B,1,H,W).
        relative: as in `iou`.
        candidates: thresholds to try, or how many to place at equal quantiles of all resized values.
    """
    grid = _scaled(map, masks, relative)
    thresholds = _quantiles(grid, candidates) if isinstance(candidates, int) else candidates
    means = [_drop(_overlap(grid, masks, t), map, masks).nanmean().item() for t in thresholds]
    best = max(means, key=lambda mean: (mean == mean, mean))
    if best != best:
        raise RegardError("best_threshold: no validation image has both a finite map and an object; give some that do")
    return float(thresholds[means.index(best)])


def _quantiles(grid: Tensor, count: int) -> Sequence[float]:
    values = grid[grid.isfinite()].sort().values
    if not values.numel():
        raise RegardError("best_threshold: no finite map value; give maps of at least one validation image")
    at = torch.linspace(0, values.numel() - 1, count, device=values.device).long()
    return cast("list[float]", values[at].unique().tolist())
