"""Map heads of AIB on networks for 224 pixels (Lai et al., IJCAI 2021, released code); the WRN's is in ``wrn``.

They are large: what they add to a network is a size-matched control's to explain, not the attention's.
"""

from __future__ import annotations

from torch import nn
from torchvision.models.resnet import Bottleneck

BLOCKS = 3
WIDE = 128
"""Base width of the bottlenecks of a wide ResNet-50-2."""


def vgg_branch(channels: int, num_classes: int) -> nn.Module:
    """Features (B,C,H,W) -> map logits (B,1,H,W): three times Conv3x3 C -> C with ReLU, then Conv3x3 to one.

    The released quantized VGG16 has it, the continuous one the bare Conv3x3: three times 2.36 million parameters more.
    """
    layers: list[nn.Module] = []
    for _ in range(BLOCKS):
        layers += [nn.Conv2d(channels, channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, kernel_size=3, padding=1))


def bottleneck_branch(channels: int, num_classes: int) -> nn.Module:
    """Features (B,C,H,W) -> map logits (B,1,H,W): three wide bottlenecks C -> 2C at stride 1, then Conv3x3 to one.

    For layer3 of a WRN-50-2 that is its layer4 at the finer grid.
    """
    planes = channels // 2
    widen = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.BatchNorm2d(2 * channels))
    blocks = [Bottleneck(channels, planes, downsample=widen, base_width=WIDE)]
    blocks += [Bottleneck(2 * channels, planes, base_width=WIDE) for _ in range(BLOCKS - 1)]
    return nn.Sequential(*blocks, nn.Conv2d(2 * channels, 1, kernel_size=3, padding=1))
