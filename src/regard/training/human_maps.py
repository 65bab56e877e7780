"""Human maps of a split's images, as the images lie or as augmentation moved them."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data import ClipSplit, FileSplit, Split, TensorSplit, move_points
from regard.training.aligned import human_map
from regard.types import Batch

_CHUNK = 32


class HumanMaps:
    """Where people looked at the images of a split, on one grid.

    Args:
        points: fixations of all images (N,n,2), x, y in pixels, NaN beyond an image's last.
        size: (H, W) of the images.
        grid: (h, w) of the maps.
        sigma: of a fixation's density, pixels.
    """

    def __init__(
        self, points: Float[Tensor, "N p 2"], *, size: tuple[int, int], grid: tuple[int, int], sigma: float
    ) -> None:
        self.points, self.size, self.grid, self.sigma = points, size, grid, sigma

    @property
    def looked(self) -> Bool[Tensor, " N"]:
        """Which images people looked at."""
        return (~self.points.isnan().any(-1)).any(1)

    @cached_property
    def still(self) -> Float[Tensor, "N 1 h w"]:
        """Of all images, as they lie; zero where nobody looked."""
        return torch.cat([self._maps(part)[0] for part in self.points.split(_CHUNK)])

    def of(self, batch: Batch) -> tuple[Float[Tensor, "B 1 h w"], Bool[Tensor, " B"]]:
        """Of a batch's images, and which of them people looked at (and still do, where a crop cut fixations away)."""
        index = batch.index.cpu()
        if batch.moved is None:
            maps, looked = self.still[index], self.looked[index]
        else:
            maps, looked = self._maps(move_points(self.points[index], batch.moved.cpu(), self.size))
        return maps.to(batch.index.device), looked.to(batch.index.device)

    def unmoved(self, index: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B 1 h w"], Bool[Tensor, " B"]]:
        """As `of`, whatever augmentation did."""
        return self.still[index], self.looked[index]

    def _maps(self, points: Tensor) -> tuple[Tensor, Tensor]:
        found, looked = human_map(points, size=self.size, grid=self.grid, sigma=self.sigma)
        return found.map, looked


def fixations_of(split: Split) -> Tensor | None:
    """Of all images (N,n,2), on the processor; None where the set has none."""
    held = split.fixations if isinstance(split, TensorSplit | FileSplit | ClipSplit) else None
    return None if held is None else held.cpu()
