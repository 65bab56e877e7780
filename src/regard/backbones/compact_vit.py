"""A small vision transformer for images of 32 to 64 pixels, with a stem of convolutions.

Patches that are cut out by one wide convolution take a transformer long to learn from; a few small convolutions in its
place make it learn in a fraction of the epochs (Xiao et al., *Early Convolutions Help Transformers See Better*, NeurIPS
2021). Otherwise it is timm's transformer without a class token, whose patches are normalised, each by itself, and then
averaged.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from regard.backbones.compact import Residual, convolution
from regard.types import RegardError


class ConvStem(nn.Module):
    """Images (B,C,H,W) -> tokens (B,N,width): a convolution that halves the grid and a residual block, again and again
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
        for k, (before, width) in enumerate(itertools.pairwise(widths)):
            layers += [convolution(before, width, kernel=3 if k else 5, stride=2), Residual(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], embed_dim, 1))

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B N width"]:
        """Tokens, row by row."""
        return self.layers(images).flatten(2).transpose(1, 2)


class CompactVit(VisionTransformer):
    """Images (B,C,H,W) -> logits (B,n).

    Args:
        num_classes: n.
        img_size: (H, W).
        in_chans: C.
        patch_size: pixels; a power of two.
        width: channels of a token.
        depth: blocks.
        heads: of every block's attention.
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
