"""The networks of the Attentive Information Bottleneck for CIFAR (Lai et al., IJCAI 2021, released code).

``Wrn``: wide residual network (Zagoruyko and Komodakis, BMVC 2016) of pre-activation basic blocks: BN, ReLU, Conv3x3,
BN, ReLU, dropout, Conv3x3, plus the input (through a Conv1x1 of the first activation where the shape changes).
``wrn_branch`` is its map head.

``VggCifar``: Conv3x3+BN+ReLU throughout: 2x64, 2x128, 3x256 unpooled, then a max-pool gives the attended features,
256x16x16 of a 32x32 image; 3x512, pool, 3x512, pool, twice (512, pool), Conv1x1 512 with ReLU. Xavier-uniform weights
with gain sqrt 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.types import RegardError


class BasicBlock(nn.Module):
    """One pre-activation block (B,C,H,W) -> (B,width,H/stride,W/stride)."""

    def __init__(self, channels: int, width: int, *, stride: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        same = channels == width and stride == 1
        self.shortcut = None if same else nn.Conv2d(channels, width, 1, stride=stride, bias=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The block's output."""
        y = F.relu(self.bn1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        return skip + self.conv2(self.dropout(F.relu(self.bn2(self.conv1(y)))))


def _blocks(channels: int, width: int, count: int, *, stride: int, dropout: float) -> nn.Sequential:
    first = BasicBlock(channels, width, stride=stride, dropout=dropout)
    return nn.Sequential(first, *(BasicBlock(width, width, dropout=dropout) for _ in range(count - 1)))


def _initialise(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


class Wrn(nn.Module):
    """Images (B,C,H,W), usually 32x32, -> logits (B,n). Attend at ``block2``, 320x16x16 in WRN-28-10.

    ``depth`` is 6 k + 4, such as 28; ``width`` a factor of the channels 16, 32, 64, which need not be whole;
    ``dropout`` acts inside every block.
    """

    attend_at = "block2"

    def __init__(
        self, num_classes: int, *, depth: int = 28, width: float = 10, dropout: float = 0.3, in_chans: int = 3
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise RegardError(f"wrn: depth={depth} is not 6k+4; take 10, 16, 22, 28, 40, ...")
        count = (depth - 4) // 6
        first, second, third = (max(1, round(width * channels)) for channels in (16, 32, 64))
        self.conv1 = nn.Conv2d(in_chans, 16, 3, padding=1, bias=False)
        self.block1 = _blocks(16, first, count, stride=1, dropout=dropout)
        self.block2 = _blocks(first, second, count, stride=2, dropout=dropout)
        self.block3 = _blocks(second, third, count, stride=2, dropout=dropout)
        self.bn = nn.BatchNorm2d(third)
        self.relu = nn.ReLU()
        self.head = nn.Linear(third, num_classes)
        _initialise(self)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        x = self.block3(self.block2(self.block1(self.conv1(images))))
        return self.head(self.relu(self.bn(x)).mean((2, 3)))


def wrn_branch(channels: int, num_classes: int, *, dropout: float = 0.3) -> nn.Module:
    """The map head of AIB on a WRN: features (B,C,H,W) -> map logits (B,1,H,W) (released code).

    Four basic blocks C -> 2C at stride 1, BN, Conv1x1 to one channel a class, BN, ReLU, Conv3x3 to one, BN. On
    WRN-28-10 it adds three quarters of the network's size, so the fair control is a network of the same size.
    """
    branch = nn.Sequential(
        *_blocks(channels, 2 * channels, 4, stride=1, dropout=dropout),
        nn.BatchNorm2d(2 * channels),
        nn.Conv2d(2 * channels, num_classes, 1, bias=False),
        nn.BatchNorm2d(num_classes),
        nn.ReLU(),
        nn.Conv2d(num_classes, 1, 3, padding=1, bias=False),
        nn.BatchNorm2d(1),
    )
    _initialise(branch)
    return branch


def _stage(widths: Sequence[int], channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return [*layers, nn.MaxPool2d(2)]


class VggCifar(nn.Module):
    """Images (B,C,H,W), 32x32 in the paper and at least that here, -> logits (B,n). Attend at ``stem``.

    ``width`` is a factor of all channels; 1 in the paper.
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
