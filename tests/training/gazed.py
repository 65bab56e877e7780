"""Small sets with gaze: an object in a box of an image of its own, and people who look into the box."""

from dataclasses import replace

import torch
from torch import Tensor

from regard.data import DataSplits, TensorSplit, clutter
from regard.data.random_counter import uniforms

SIDE = 16


def gazed(
    *, train: int = 64, val: int = 33, test: int = 35, looks: int = 5, nobody: tuple[int, ...] = ()
) -> DataSplits:
    """Clutter of 16 pixels with ``looks`` fixations per image in its box; the images ``nobody`` have none."""
    data = clutter(size=SIDE, train=train, val=val, test=test, cache=False)

    def looked(split: TensorSplit, stream: int) -> TensorSplit:
        return replace(split, fixations=within(split.boxes, looks, stream, nobody))

    parts = {name: looked(getattr(data, name), k) for k, name in enumerate(("train", "val", "test"))}
    return replace(data, **parts)


def within(boxes: Tensor, looks: int, stream: int, nobody: tuple[int, ...] = ()) -> Tensor:
    """Points in boxes, NaN where nobody looked and beyond every image's last."""
    u = uniforms(torch.arange(len(boxes)), 2 * looks, seed=9, stream=stream).view(-1, looks, 2)
    points = boxes[:, None, :2] + u * (boxes[:, None, 2:] - boxes[:, None, :2])
    points = torch.cat([points, torch.full((len(boxes), 2, 2), torch.nan)], 1)
    points[list(nobody)] = torch.nan
    return points
