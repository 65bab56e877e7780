"""Small sets with gaze: one object per image, and fixations inside its box."""

from dataclasses import replace

import torch
from torch import Tensor

from regard.data import DataSplits, TensorSplit, clutter
from regard.data.random_counter import uniforms

SIDE = 16


def clutter_with_gaze(
    *, train: int = 64, val: int = 33, test: int = 35, fixations: int = 5, without: tuple[int, ...] = ()
) -> DataSplits:
    """Clutter of 16 pixels with ``fixations`` fixations per image in its box; the images ``without`` have none."""
    data = clutter(size=SIDE, train=train, val=val, test=test, cache=False)

    def with_fixations(split: TensorSplit, stream: int) -> TensorSplit:
        return replace(split, fixations=within(split.boxes, fixations, stream, without))

    parts = {name: with_fixations(getattr(data, name), k) for k, name in enumerate(("train", "val", "test"))}
    return replace(data, **parts)


def within(boxes: Tensor, fixations: int, stream: int, without: tuple[int, ...] = ()) -> Tensor:
    """Points in boxes; NaN for the images ``without`` and beyond each image's last."""
    u = uniforms(torch.arange(len(boxes)), 2 * fixations, seed=9, stream=stream).view(-1, fixations, 2)
    points = boxes[:, None, :2] + u * (boxes[:, None, 2:] - boxes[:, None, :2])
    points = torch.cat([points, torch.full((len(boxes), 2, 2), torch.nan)], 1)
    points[list(without)] = torch.nan
    return points
