"""Small networks for images of 32 to 64 pixels, quick on a CPU.

``Compact``: a residual network of 0.27 million parameters.

``CompactVit``: timm's vision transformer with a stem of convolutions. Patches cut out by one wide convolution take a
transformer long to learn from; a few small convolutions instead let it learn in a fraction of the epochs (Xiao et al.,
*Early Convolutions Help Transformers See Better*, NeurIPS 2021). It has no class token: patches are normalised, each by
itself, and averaged.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from regard.types import RegardError

WIDTHS = (24, 24, 48, 96)


def convolution(channels: int, width: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    conv = nn.Conv2d(channels, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """As many channels on the same grid."""
        return F.relu(x + self.second(self.first(x)))


class Compact(nn.Module):
    """Images (B,C,H,W) -> logits (B,n). Attend at ``stage1``: a grid of half the image's side, fine enough for small
    objects, and early enough that nearly all computation comes after the gate and reads what it lets through.

    ``widths`` are the channels of stem, stage1, stage2, stage3.
    """

    attend_at = "stage1"

    def __init__(self, num_classes: int, *, widths: tuple[int, int, int, int] = WIDTHS, in_chans: int = 3) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.stem = convolution(in_chans, stem, kernel=5, stride=2)
        self.stage1 = convolution(stem, first)
        self.stage2 = nn.Sequential(convolution(first, second, stride=2), Residual(second))
        self.stage3 = nn.Sequential(convolution(second, third, stride=2), Residual(third))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(third, num_classes)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.head(self.pool(x).flatten(1))


class ConvStem(nn.Module):
    """Images (B,C,H,W) -> tokens (B,N,width): a convolution that halves the grid and a residual block, repeated
    until a position is a patch.

    Arguments are those that timm gives its ``embed_layer``. A token sees some eight times the patch's side, so
    neighbours overlap.
    """

    def __init__(self, *, img_size: tuple[int, int], patch_size: int, in_chans: int, embed_dim: int, **_: Any) -> None:
        super().__init__()
        halvings = int(math.log2(patch_size))
        if 2**halvings != patch_size or halvings < 1 or any(side % patch_size for side in img_size):
            raise RegardError(
                f"compact_vit: patch_size={patch_size} must be a power of two that divides the sides {img_size}"
            )
        self.patch_size = (patch_size, patch_size)
        self.grid_size = (img_size[0] // patch_size, img_size[1] // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        widths = [in_chans, *(embed_dim // 2 ** (halvings - k) for k in range(halvings))]
        layers: list[nn.Module] = []
        for k, (previous, width) in enumerate(itertools.pairwise(widths)):
            layers += [convolution(previous, width, kernel=3 if k else 5, stride=2), Residual(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], embed_dim, 1))

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B N width"]:
        """Tokens, row by row."""
        return self.layers(images).flatten(2).transpose(1, 2)


class CompactVit(VisionTransformer):
    """Images (B,C,H,W) -> logits (B,n): ``depth`` blocks of ``heads`` heads each, on tokens of ``width`` channels.

    ``img_size`` is (H, W); ``patch_size`` a power of two, in pixels.
    """

    attend_at = "blocks.0"

    def __init__(
        self,
        num_classes: int,
        *,
        img_size: tuple[int, int] = (32, 32),
        in_chans: int = 3,
        patch_size: int = 4,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
    ) -> None:
        super().__init__(
            img_size=img_size,
            patch_size=patch_size,
            in_chans=in_chans,
            num_classes=num_classes,
            global_pool="avg",
            class_token=False,
            fc_norm=False,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            mlp_ratio=2.0,
            embed_layer=ConvStem,
        )
