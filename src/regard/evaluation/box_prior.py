"""Where viewers of training images look within an object's box: the strongest map that knows the box and no pixel.

A Gaussian at the box's centre is a weak floor where people look at heads: the mean of what they did on other images,
each scaled to its box, knows as little of the image and scores twice as much on birds (`benchmarks/gaze_floors.py`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.localization import split_parts
from regard.gaze import blur

_CELLS = 96
_MARGIN = 0.5  # of the box's sides, beyond each of them
_SIGMA = 0.04  # of the box's sides


def box_prior(train: Split) -> Float[Tensor, "1 1 G G"] | None:
    """Density of all fixations on training images in coordinates of their boxes; None without fixations and boxes.

    The grid reaches half a side beyond the box; fixations farther off are left out.
    """
    annotations, points = split_parts(train), getattr(train, "fixations", None)
    if annotations is None or points is None:
        return None
    low, high = annotations[1][:, None, :2].double(), annotations[1][:, None, 2:].double()
    relative = (points.cpu().double() - low) / (high - low).clamp_min(1)
    place = (relative + _MARGIN) / (1 + 2 * _MARGIN)
    known = place[((place >= 0) & (place < 1)).all(-1)] * _CELLS  # NaN beyond an image's last
    if len(known) == 0:
        return None
    sigma = _SIGMA * _CELLS / (1 + 2 * _MARGIN)
    total = blur(known[None], size=(_CELLS, _CELLS), sigma=sigma)
    return total / total.sum()


def on_boxes(
    prior: Float[Tensor, "1 1 G G"], boxes: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N 1 H W"]:
    """What `box_prior` gives, laid into boxes (N,4) in pixels of images of this (height, width); 0 beyond its grid."""
    x, y = (torch.arange(side, dtype=torch.float64) + 0.5 for side in (size[1], size[0]))
    low, extent = boxes[:, :2].double(), (boxes[:, 2:] - boxes[:, :2]).double().clamp_min(1)
    across = (x - low[:, :1]) / extent[:, :1]
    down = (y - low[:, 1:]) / extent[:, 1:]
    h, w = size
    place = torch.stack([across[:, None].expand(-1, h, -1), down[:, :, None].expand(-1, -1, w)], -1)
    place = 2 * (place + _MARGIN) / (1 + 2 * _MARGIN) - 1
    maps = F.grid_sample(prior.expand(len(boxes), -1, -1, -1), place, padding_mode="zeros", align_corners=False)
    return maps.float()
