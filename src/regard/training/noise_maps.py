"""Smooth noise as a map: with the values and the smoothness of another map, moved as augmentation moved the image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics import bandwidth, blurred_noise, rank_matched
from regard.types import Map

FACTORS = (1.0, 1.3, 1.7, 2.2, 2.9, 3.8)
"""Blurs to choose from, in bandwidths of the map whose smoothness the noise shall have."""


class NoiseMaps:
    """Noise on a grid that reaches over the image's border, so that a window can be moved over it.

    Args:
        grid: (h, w) of the maps.
        size: (H, W) of the images in pixels.
        reach: largest number of pixels by which a window is moved.
        seed: with stream and image it decides the noise.
    """

    def __init__(self, grid: tuple[int, int], size: tuple[int, int], reach: int, seed: int) -> None:
        self.grid, self.size, self.seed = grid, size, seed
        self._sigma: dict[tuple[int, int], float] = {}
        self.margin = tuple(math.ceil(reach * cells / pixels) for cells, pixels in zip(grid, size, strict=True))

    def __call__(
        self, like: Float[Tensor, "B 1 h w"], index: Int[Tensor, " B"], moved: Int[Tensor, "B 3"] | None, *, stream: int
    ) -> Float[Tensor, "B 1 h w"]:
        """Maps with the bandwidth and exactly the values of ``like``, in another order.

        Args:
            like: maps on the grid.
            index: of each image in its split.
            moved: as ``Batch.moved`` has it; None: not at all.
            stream: keeps splits apart.
        """
        keys = [(stream, i) for i in index.tolist()]
        absent = [k for k, key in enumerate(keys) if key not in self._sigma]
        if absent:
            sigmas = self._choose_sigma(like[absent], index[absent], stream).tolist()
            self._sigma |= {keys[k]: sigma for k, sigma in zip(absent, sigmas, strict=True)}
        sigma = torch.tensor([self._sigma[key] for key in keys])
        return self._noise(like, index, sigma, moved, stream)

    def _noise(self, like: Tensor, index: Tensor, sigma: Tensor, moved: Tensor | None, stream: int) -> Tensor:
        (h, w), (my, mx), seed = self.grid, self.margin, self.seed * 1009 + stream
        canvas = blurred_noise((h + 2 * my, w + 2 * mx), sigma, index=index, seed=seed).values
        return rank_matched(self._window(canvas, moved), like, index=index, seed=seed)

    def _choose_sigma(self, like: Tensor, index: Tensor, stream: int) -> Float[Tensor, " B"]:
        """The blur that makes noise as smooth as ``like`` once it has the values of ``like``.

        A few large values among many small ones make a map rougher than the noise that it takes its order from.
        """
        wanted = bandwidth(Map(like, "relevance")).nan_to_num(0)
        sigmas = torch.stack([(wanted * factor).clamp_max(max(self.grid)) for factor in FACTORS])
        candidates = [self._noise(like, index, sigma, None, stream) for sigma in sigmas]
        reached = torch.stack([bandwidth(Map(maps, "relevance")).nan_to_num(0) for maps in candidates])
        return sigmas.gather(0, (reached - wanted).abs().argmin(0, keepdim=True))[0]

    def _window(self, canvas: Tensor, moved: Tensor | None) -> Float[Tensor, "B 1 h w"]:
        """The part of the canvas that lies in the window, interpolated between cells."""
        (h, w), (my, mx) = self.grid, self.margin
        if moved is None:
            return canvas[:, :, my : my + h, mx : mx + w]
        down, right, mirrored = moved.float().unbind(1)
        y = (torch.arange(h) + 0.5) + (down * h / self.size[0])[:, None] + my
        across = torch.arange(w) + 0.5
        x = torch.where(mirrored[:, None] > 0, w - across, across) + (right * w / self.size[1])[:, None] + mx
        y, x = 2 * y / canvas.shape[2] - 1, 2 * x / canvas.shape[3] - 1
        place = torch.stack([x[:, None, :].expand(-1, h, -1), y[:, :, None].expand(-1, -1, w)], -1)
        return F.grid_sample(canvas, place, mode="bilinear", padding_mode="border", align_corners=False)
