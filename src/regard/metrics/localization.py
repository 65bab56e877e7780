"""Does a map point at the object? AUC and energy inside the mask, pointing game, intersection over union; and object
masks from boxes, or dilated by a tolerance in pixels.

A map (`Map`, or a tensor (B,1,h,w)) is resized to the mask's grid by `Map.resize`. Per-image values, NaN where
undefined; `localization_conditions` says which and why. An image without an object has no answer, so it is never a hit
and never a miss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.ranking import tie_groups
from regard.metrics.rounding import full_precision, rounding
from regard.types import Batch, Map, PerImage, RegardError, as_map

_Shape = Literal["disc", "square"]


def dilate(masks: Bool[Tensor, "B 1 H W"], pixels: float | int, *, shape: _Shape = "disc") -> Bool[Tensor, "B 1 H W"]:
    """Every pixel within `pixels` of the masks (B,1,H,W), between pixel centres; 0 changes nothing.

    ``disc`` measures Euclidean distance, ``square`` the larger of the two coordinate distances.

    >>> point = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
    >>> point[0, 0, 2, 2] = True
    >>> dilate(point, 1).sum().item(), dilate(point, 1, shape="square").sum().item()
    (5, 9)
    """
    if not 0 <= pixels < math.inf:
        raise RegardError(f"dilate: pixels={pixels}; give a finite distance of at least 0")
    if shape not in ("disc", "square"):
        raise RegardError(f"dilate: shape={shape!r}; use 'disc' or 'square'")
    reach = min(int(pixels), max(masks.shape[-2:]))
    if shape == "square":
        return F.max_pool2d(masks.float(), 2 * reach + 1, 1, reach).bool()
    # A disc is a stack of rows: widen by each row's half width, then shift that row up and down. How many pixels of a
    # row lie up to each place tells every half width at once.
    grown = torch.zeros_like(masks)
    height, width = masks.shape[2:]
    upto = F.pad(masks, (reach + 1, reach)).cumsum(3, dtype=torch.int32)
    for dy in range(min(reach, height - 1) + 1):
        half = min(math.isqrt(int(pixels * pixels) - dy * dy), reach)
        row = upto[..., reach + half + 1 :][..., :width] > upto[..., reach - half :][..., :width]
        grown[:, :, dy:] |= row[:, :, : height - dy]
        grown[:, :, : height - dy] |= row[:, :, dy:]
    return grown


def boxes_to_masks(boxes: Float[Tensor, "B 4"], size: tuple[int, int]) -> Bool[Tensor, "B 1 H W"]:
    """Pixels whose centre lies in the box.

    Args:
        boxes: x0, y0, x1, y1 (B,4) in pixels; x right, y down, pixel i covers [i, i+1); else empty.
        size: (H, W).

    >>> boxes_to_masks(torch.tensor([[1.0, 0.0, 3.0, 1.0]]), (2, 4)).int().tolist()
    [[[[0, 1, 1, 0], [0, 0, 0, 0]]]]
    """
    if not boxes.isfinite().all():
        raise RegardError("boxes_to_masks: a box is not finite; leave images without a box out")
    x0, y0, x1, y1 = boxes[:, :, None].unbind(1)
    y = torch.arange(size[0], device=boxes.device) + 0.5
    x = torch.arange(size[1], device=boxes.device) + 0.5
    rows, columns = (y >= y0) & (y < y1), (x >= x0) & (x < x1)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def batch_masks(batch: Batch) -> Bool[Tensor, "B 1 H W"] | None:
    """Objects of a batch: its masks, or those of its boxes; None where it has neither."""
    if batch.masks is not None or batch.boxes is None:
        return batch.masks
    return boxes_to_masks(batch.boxes, batch.size)


_Masks = Bool[Tensor, "B 1 H W"]


def _on_grid(map: Map | Tensor, masks: Tensor) -> Tensor:
    """Map values (B,H,W), float32 or float64, on the mask's grid."""
    map = as_map(map)
    if len(map.values) != len(masks):
        raise RegardError(f"localization: {len(map.values)} maps for {len(masks)} masks; give one mask per map")
    values = Map(full_precision(map.values), map.unit).resize((masks.shape[2], masks.shape[3])).values
    return values[:, 0]


def localization_conditions(map: Map | Tensor, masks: _Masks) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have no value and why, for `scores.score(..., reasons=...)`; one dict serves all metrics here."""
    values = as_map(map).values.flatten(1)
    return {
        "map not finite": ~values.isfinite().all(1),
        "empty mask": ~masks.flatten(1).any(1),
        "map without mass": (values <= 0).all(1),
    }


def _drop(scores: Tensor, map: Map | Tensor, masks: Tensor) -> Tensor:
    reasons = localization_conditions(map, masks)
    return scores.masked_fill(reasons["map not finite"] | reasons["empty mask"], torch.nan)


def area_share(masks: _Masks) -> PerImage:
    """Share of the image that the mask covers: what a uniform map scores as energy, and in the pointing game.

    >>> area_share(torch.tensor([[[[True, False, False, False]]]])).item()
    0.25
    """
    return masks.flatten(1).float().mean(1)


def energy_inside(map: Map | Tensor, masks: _Masks, *, negative: Literal["error", "clip"] = "error") -> PerImage:
    """Mass of the map inside the mask over all its mass, in [0,1] (B,); read it beside `area_share`.

    NaN for an empty mask, a map that is nowhere positive, or one that is not finite.

    Args:
        map: (B,1,h,w).
        masks: (B,1,H,W).
        negative: refuse negative values, which have no share of a mass, or count them as 0 (before resizing).

    >>> half = torch.tensor([[[[True, False]]]])
    >>> energy_inside(Map(torch.tensor([[[[3.0, 1.0]]]]), "gate"), half).item()
    0.75
    """
    map = as_map(map)
    values = full_precision(map.values)
    if negative == "error" and (values < -rounding(torch.float32) * values.abs().amax((2, 3), keepdim=True)).any():
        raise RegardError(f"energy_inside: a map falls to {values.min():g}; pass negative='clip' to count that as none")
    grid = _on_grid(Map(values.clamp_min(0), map.unit), masks)
    inside = (grid * masks[:, 0]).sum((1, 2)) / grid.sum((1, 2))  # 0/0 is NaN, as it should be
    return _drop(inside, map, masks)


def auc_inside(map: Map | Tensor, masks: _Masks) -> PerImage:
    """Chance that the map is higher at a random pixel of the object than at a random other one, ties half (B,).

        AUC = mean_{p in mask, q outside} [ a_p > a_q ] + 1/2 [ a_p = a_q ]

    .5 for a constant map; it depends on the order of values alone, so any increasing function of the map, such as bits
    for a gate, scores the same, up to interpolation between the map's positions. NaN for an empty mask, one that covers
    the image, or a map that is not finite.

    Args:
        map: (B,1,h,w).
        masks: (B,1,H,W).

    >>> mask = torch.tensor([[[[True, False, False]]]])
    >>> auc_inside(Map(torch.tensor([[[[2.0, 2.0, 1.0]]]]), "gate"), mask).item()
    0.75
    """
    grid = _on_grid(map, masks).flatten(1)
    scores = grid.new_full((len(grid),), torch.nan)
    ranks = tie_groups(grid.nan_to_num(0, 0, 0), grid.dtype)
    for i, (values, inside) in enumerate(zip(ranks, masks.flatten(1), strict=True)):
        others, own = values[~inside].sort().values, values[inside]
        if len(own) and len(others):
            below, upto = (torch.searchsorted(others, own, right=right) for right in (False, True))
            scores[i] = (below + upto).to(grid.dtype).mean() / (2 * len(others))
    return _drop(scores, map, masks)


def pointing_game(map: Map | Tensor, masks: _Masks, *, tolerance: float | int = 0, shape: _Shape = "disc") -> PerImage:
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
    ties = grid >= top - rounding(grid.dtype) * top.abs()
    target = dilate(masks, tolerance, shape=shape)[:, 0]
    hits = (ties & target).sum((1, 2)) / ties.sum((1, 2))
    return _drop(hits, map, masks)


def _scaled(map: Map | Tensor, masks: Tensor, relative: bool) -> Tensor:
    grid = _on_grid(map, masks)
    return grid / grid.amax((1, 2), keepdim=True).clamp_min(torch.finfo(grid.dtype).tiny) if relative else grid


def iou(map: Map | Tensor, masks: _Masks, *, threshold: float | int, relative: bool = False) -> PerImage:
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
    region, target = grid >= threshold, masks[:, 0]
    return (region & target).sum((1, 2)) / (region | target).sum((1, 2))


def best_threshold(
    map: Map | Tensor, masks: _Masks, *, relative: bool = False, candidates: int | Sequence[float] = 64
) -> float:
    """Threshold with the largest mean `iou` on the *validation* split; the lowest of equals.

    Args:
        map: maps of the validation split (B,1,h,w).
        masks: (B,1,H,W).
        relative: as in `iou`.
        candidates: thresholds to try, or how many to place at equal quantiles of all resized values.

    Raises:
        RegardError: no image has both a finite map and an object.
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
