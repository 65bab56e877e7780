"""How a module's output lies in memory, and how to see it as (B,C,H,W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError


@dataclass(frozen=True)
class Layout:
    """Where channels and positions are.

    Attributes:
        kind: ``NCHW``, ``NHWC`` (Swin) or ``tokens`` (B,N,C).
        prefix: tokens before the patches (class token, registers), which pass unattended.
        grid: rows and columns of the patches, for images of the size seen at attaching.
        patch: pixels a patch, where the network takes images of other sizes too; the grid then follows the image.
    """

    kind: Literal["NCHW", "NHWC", "tokens"]
    prefix: int = 0
    grid: tuple[int, int] | None = None
    patch: tuple[int, int] | None = None

    def features(self, y: Tensor, image_size: tuple[int, int] | None = None) -> Float[Tensor, "B C H W"]:
        """The module's output as features; prefix tokens left out."""
        if self.kind == "NCHW":
            return y
        if self.kind == "NHWC":
            return y.permute(0, 3, 1, 2)
        h, w = self._grid(image_size)
        if y.shape[1] != self.prefix + h * w:
            raise RegardError(
                f"{y.shape[1]} tokens, but {self.prefix} prefix and {h}x{w} patches were expected; "
                "attach with the input_size of your images"
            )
        return y[:, self.prefix :].transpose(1, 2).unflatten(2, (h, w))

    def output(self, features: Float[Tensor, "SB C H W"], y: Tensor) -> Tensor:
        """Modulated features in the layout of the module's output ``y``, whose prefix tokens are kept."""
        if self.kind == "NCHW":
            return features
        if self.kind == "NHWC":
            return features.permute(0, 2, 3, 1)
        patches = features.flatten(2).transpose(1, 2)
        if not self.prefix:
            return patches
        prefix = y[:, : self.prefix]
        samples = features.shape[0] // y.shape[0]
        return torch.cat([prefix if samples == 1 else prefix.repeat(samples, 1, 1), patches], dim=1)

    def _grid(self, image_size: tuple[int, int] | None) -> tuple[int, int]:
        assert self.grid is not None
        if self.patch is None:
            return self.grid
        if image_size is None:
            raise RegardError(
                "this network takes images of any size, so its grid of tokens has to be told: "
                "run it inside record(model), or in an AttentiveClassifier"
            )
        return -(-image_size[0] // self.patch[0]), -(-image_size[1] // self.patch[1])
