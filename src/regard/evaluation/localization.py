"""Whether the map lies on the object, and near the parts by which a kind is told: beak, crown, wing and the like.

AUC, pointing, energy and overlap stand beside floors on the map's own grid: of masks those that know nothing of the
image, of parts those that know the object's box alone. AUC and pointing read the order of values alone. Energy depends
on the map's unit (the same map has more of it in bits than as a gate), so it is also stored under a name with the unit,
and maps are compared by it in one unit only. A coarse grid cannot follow an outline: the object's own mask, averaged
over the grid's cells, is the ceiling of that grid, and ``auc_inside_share`` is how far from chance to that ceiling the
map comes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns
from regard.evaluation.rows import ANOTHER, CENTRE_BOX, RANDOM, UNIFORM_BOX
from regard.metrics import controls
from regard.metrics import localization as metrics
from regard.types import Map

_AREA = "area share (a uniform map)"
GRID_CEILING = "the object's mask on this grid"
_BOX_SPREAD = 0.25
"""Standard deviation of the Gaussian at the box's centre, as a share of the box's sides."""
_REACH = 0.1
"""How near is near: this share of the square root of the box's area. Of CUB-GHA's fixations on 50 classes .72 are then
near a part, of random points in the box .26."""


def tolerance(masks: Tensor) -> int:
    """Pixels by which masks are dilated: a 24th of the shorter side, 2 pixels of 48."""
    return max(1, round(min(masks.shape[-2:]) / 24))


def localization(context: EvaluationContext) -> Columns:
    """AUC and share of the map inside the object, the object's share of the image, pointing; nothing without masks.

    With references also energy over area share, and the IoU at a threshold that is chosen on validation images.
    """
    if context.masks is None or context.map is None:
        return Columns()
    validation = context.validation_maps if context.with_references else None
    return score_localization(
        context.map, context.masks, validation, seed=context.seed, with_references=context.with_references
    )


def score_localization(
    map: Map, masks: Tensor, validation: tuple[Map, Tensor] | None, *, seed: int, with_references: bool = True
) -> Columns:
    """`localization` of maps (N,1,h,w) and masks (N,1,H,W); without validation maps and masks there is no IoU."""
    pixels = tolerance(masks)
    wide = metrics.dilate(masks, pixels)
    share = metrics.area_share(wide)
    threshold = metrics.best_threshold(*validation) if validation is not None else None

    def scores(map: Map, *, overlap: bool = True) -> dict[str, Tensor]:
        values = {"auc_inside": metrics.auc_inside(map, masks)}
        values["energy_inside"] = metrics.energy_inside(map, wide, negative="clip")
        values["pointing"] = metrics.pointing_game(map, masks, tolerance=pixels)
        if threshold is not None and overlap:
            values["iou"] = metrics.iou(map, masks, threshold=threshold)
        return values

    values = _with_unit(scores(map), "energy_inside", map) | {"area_share": share}
    best = scores(_on_cells(masks, map), overlap=False)
    values["auc_inside_share"] = (values["auc_inside"] - 0.5) / (best["auc_inside"] - 0.5)
    references = [ReferenceColumns(GRID_CEILING, "ceiling", best)]
    if with_references:
        references.append(ReferenceColumns(_AREA, "floor", {"energy_inside": share}))
        values["energy_over_area"] = values["energy_inside"] / share
        references.append(ReferenceColumns("chance", "floor", {"energy_over_area": 1.0, "auc_inside": 0.5}))
        count, _, h, w = map.values.shape
        # a gate's threshold means nothing on the centre map's scale, so that has no overlap
        references.append(
            ReferenceColumns("centre", "floor", scores(controls.center_map(count, (h, w)), overlap=False))
        )
        random = controls.random_like(map, index=torch.arange(count), seed=seed)
        references.append(ReferenceColumns(RANDOM, "floor", scores(random)))
        references.append(ReferenceColumns(ANOTHER, "floor", scores(controls.permuted(map, seed=seed))))
    undefined = metrics.localization_conditions(map, wide)
    details = {"what": map.unit, "pixels": pixels, "unit": map.unit}
    return Columns(
        values,
        tuple(references),
        reasons=dict.fromkeys(("energy_inside", "energy_over_area", "pointing"), undefined)
        | dict.fromkeys(("iou", "auc_inside"), metrics.localization_conditions(map, masks)),
        details=details | {"threshold": threshold or 0.0},
    )


def _with_unit(values: dict[str, Tensor], key: str, map: Map) -> dict[str, Tensor]:
    """The values, and that of ``key`` once more under a name with the map's unit."""
    return values | {f"{key}_{map.unit}": values[key]}


def _on_cells(masks: Tensor, map: Map) -> Map:
    """Masks (N,1,H,W) averaged over the cells of the map's grid."""
    grid = (map.values.shape[-2], map.values.shape[-1])
    return Map(F.adaptive_avg_pool2d(masks.float(), grid), "relevance")


def split_parts(split: Split) -> tuple[Float[Tensor, "N P 3"], Float[Tensor, "N 4"]] | None:
    """Parts and boxes of a split that holds both in memory; else None."""
    parts, boxes = getattr(split, "parts", None), getattr(split, "boxes", None)
    return None if parts is None or boxes is None else (parts.cpu(), boxes.cpu())


def parts(context: EvaluationContext) -> Columns:
    """Share of the map near the object's parts, and of maps that know its box alone; nothing without parts."""
    annotations = split_parts(context.split)
    if annotations is None or context.map is None:
        return Columns()
    return score_parts(context.map, *annotations, context.size, seed=context.seed)


def score_parts(
    map: Map, parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int], *, seed: int
) -> Columns:
    """`parts` of maps (N,1,h,w) on images of this (height, width)."""
    near = near_parts(parts, boxes, size)
    floors: dict[str, Tensor] = {_AREA: metrics.area_share(near)}
    for label, floor in boxed_floors(map, boxes, size, seed=seed).items():
        floors[label] = metrics.energy_inside(floor, near, negative="clip")
    return Columns(
        _with_unit({"energy_near_parts": metrics.energy_inside(map, near, negative="clip")}, "energy_near_parts", map)
        | {"auc_near_parts": metrics.auc_inside(map, near)},
        tuple(ReferenceColumns(label, "floor", {"energy_near_parts": values}) for label, values in floors.items()),
        reasons={"energy_near_parts": metrics.localization_conditions(map, near)},
        details={"reach": _REACH, "what": map.unit},
    )


def near_parts(
    parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Bool[Tensor, "N 1 H W"]:
    """Pixels whose centre is within `_REACH` of a visible part; none where no part is visible."""
    extent = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0)
    reach = (_REACH * extent.prod(1).sqrt()).clamp_min(1)[:, None, None]
    down, across = (torch.arange(n) + 0.5 for n in size)
    near = torch.zeros(len(parts), *size, dtype=torch.bool)
    for part in parts.unbind(1):
        x, y, visible = part.unbind(1)
        distance = (down - y[:, None]).square()[:, :, None] + (across - x[:, None]).square()[:, None, :]
        near |= (distance <= reach.square()) & (visible > 0)[:, None, None]
    return near[:, None]


def boxed_floors(map: Map, boxes: Float[Tensor, "N 4"], size: tuple[int, int], *, seed: int) -> dict[str, Map]:
    """Floors for a map (N,1,h,w) on a boxed object, on its grid: everywhere in the box, a Gaussian at its centre,
    another image's map. Boxes (N,4) are in pixels of images of this (height, width); ``seed`` decides whose map.
    """
    grid = (map.values.shape[-2], map.values.shape[-1])
    inside = Map(metrics.boxes_to_masks(boxes, size).float(), "relevance").resize(grid)
    centre = _box_centre(boxes, size, grid)
    return {UNIFORM_BOX: inside, CENTRE_BOX: centre, ANOTHER: controls.permuted(map, seed=seed)}


def _box_centre(boxes: Float[Tensor, "N 4"], size: tuple[int, int], grid: tuple[int, int]) -> Map:
    lines = []
    for axis in (0, 1):  # x along the width, y along the height
        cells, pixels = grid[1 - axis], size[1 - axis]
        centers = (torch.arange(cells) + 0.5) * pixels / cells
        low, high = boxes[:, axis, None], boxes[:, axis + 2, None]
        sigma = (_BOX_SPREAD * (high - low)).clamp_min(0.5 * pixels / cells)  # a cell can be no sharper
        lines.append(torch.exp(-0.5 * ((centers - (low + high) / 2) / sigma).square()))
    return Map((lines[1][:, :, None] * lines[0][:, None, :])[:, None], "relevance")
