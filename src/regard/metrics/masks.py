"""Object masks: from boxes, and dilated by a tolerance in pixels."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.types import Batch, RegardError

Shape = Literal["disc", "square"]


def dilate(masks: Bool[Tensor, "B 1 H W"], pixels: float | int, *, shape: Shape = "disc") -> Bool[Tensor, "B 1 H W"]:
    """Every pixel within `pixels` of the mask.

    Args:
        masks: (B,1,H,W).
        pixels: reach between pixel centres; 0 changes nothing.
        shape: ``disc`` measures Euclidean distance, ``square`` the larger of the two coordinate distances.

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
        boxes: x0, y0, x1, y1 (B,4) in pixels of `size`; x right, y down, pixel i covers [i, i+1). A box with x1 <= x0
            or y1 <= y0 gives an empty mask.
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
