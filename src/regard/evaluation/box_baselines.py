"""What a map on a boxed object must beat: knowing the box alone, on the map's own grid."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics import boxes_to_masks, controls
from regard.types import Map

UNIFORM, CENTRE, ANOTHER = "uniform in the box", "centre of the box", "another image's map"
_SPREAD = 0.25
"""Standard deviation of the Gaussian at the box's centre, as a share of the box's sides."""


def boxed_floors(map: Map, boxes: Float[Tensor, "N 4"], size: tuple[int, int], *, seed: int) -> dict[str, Map]:
    """Name -> floor on the map's grid: everywhere in the box, a Gaussian at its centre, and another image's map.

    Args:
        map: (N,1,h,w).
        boxes: in pixels of the images.
        size: height and width of the images.
        seed: decides whose map.
    """
    grid = (map.values.shape[-2], map.values.shape[-1])
    inside = Map(boxes_to_masks(boxes, size).float(), "relevance").resize(grid)
    return {UNIFORM: inside, CENTRE: _centre(boxes, size, grid), ANOTHER: controls.permuted(map, seed=seed)}


def _centre(boxes: Float[Tensor, "N 4"], size: tuple[int, int], grid: tuple[int, int]) -> Map:
    lines = []
    for axis in (0, 1):  # x along the width, y along the height
        cells, pixels = grid[1 - axis], size[1 - axis]
        place = (torch.arange(cells) + 0.5) * pixels / cells
        low, high = boxes[:, axis, None], boxes[:, axis + 2, None]
        spread = (_SPREAD * (high - low)).clamp_min(0.5 * pixels / cells)  # a cell can be no sharper
        lines.append(torch.exp(-0.5 * ((place - (low + high) / 2) / spread).square()))
    return Map((lines[1][:, :, None] * lines[0][:, None, :])[:, None], "relevance")
