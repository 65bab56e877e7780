"""The CIFAR VGG of the Attentive Information Bottleneck (Lai et al., IJCAI 2021, released code).

Conv3x3+BN+ReLU throughout: 2x64, 2x128, 3x256 unpooled, then a max-pool gives the attended features, 256x16x16 of a
32x32 image; 3x512, pool, 3x512, pool, twice (512, pool), Conv1x1 512 with ReLU. Xavier-uniform weights with gain sqrt
2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


def _stage(widths: Sequence[int], channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return [*layers, nn.MaxPool2d(2)]


class VggCifar(nn.Module):
    """Images (B,C,H,W), 32x32 in the paper and at least that here, -> logits (B,n). Attend at ``stem``.

    Args:
        num_classes: n.
        width: factor of all channels; 1 in the paper.
        in_chans: C.
    """

    attend_at = "stem"

    def __init__(self, num_classes: int, *, width: float = 1.0, in_chans: int = 3) -> None:
        super().__init__()
        w64, w128, w256, w512 = (max(1, round(width * channels)) for channels in (64, 128, 256, 512))
        self.stem = nn.Sequential(*_stage([w64, w64, w128, w128, w256, w256, w256], in_chans))
        self.stage1 = nn.Sequential(*_stage([w512] * 3, w256))
        self.stage2 = nn.Sequential(*_stage([w512] * 3, w512))
        self.stage3 = nn.Sequential(*_stage([w512], w512), *_stage([w512], w512))
        self.project = nn.Sequential(nn.Conv2d(w512, w512, kernel_size=1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(w512, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=math.sqrt(2))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.head(self.pool(self.project(x)).flatten(1))
