"""A small convolutional network for images of 32 to 64 pixels: quick on a CPU, 0.22 million parameters."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


def _conv(channels: int, width: int, *, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(width), nn.ReLU()]


class Compact(nn.Module):
    """Images (B,C,H,W) -> logits (B,n). Attend at ``stage2``: 64 channels on a grid of a quarter of the image's side.

    Only what comes after the attended features can undo a gate, so the trunk behind it is short: two convolutions, a
    global average, a linear head.

    Args:
        num_classes: n.
        widths: channels of stem, stage1, stage2, stage3.
        in_chans: C.
    """

    attend_at = "stage2"

    def __init__(
        self, num_classes: int, *, widths: tuple[int, int, int, int] = (32, 48, 64, 96), in_chans: int = 3
    ) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.stem = nn.Sequential(*_conv(in_chans, stem))
        self.stage1 = nn.Sequential(*_conv(stem, first, stride=2))
        self.stage2 = nn.Sequential(*_conv(first, second, stride=2), *_conv(second, second))
        self.stage3 = nn.Sequential(*_conv(second, third, stride=2), *_conv(third, third))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(third, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.head(self.pool(x).flatten(1))
