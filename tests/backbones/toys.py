"""Small networks with known layouts, skips and tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard.types import AttentionOutput


class Half(nn.Module):
    """Halves its input; with samples, adds noise. ``map_override`` multiplies instead."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, features: Tensor, samples: int = 0, map_override: Tensor | None = None) -> AttentionOutput:
        S, (B, _, H, W) = max(samples, 1), features.shape
        mean = self.scale.expand(B, 1, H, W)
        a = mean.expand(S, B, 1, H, W)
        if samples:
            a = a + 0.1 * torch.randn(a.shape)
        if map_override is not None:
            a = map_override.expand(S, B, 1, H, W)
        features = (features * a).flatten(0, 1)
        return AttentionOutput(features=features, map=a, mean=mean, raw=a, std=torch.full_like(mean, 0.1))


class Chain(nn.Module):
    """first -> second -> third -> pool -> fc; optionally with a skip around ``second``."""

    def __init__(self, channels: int = 4, stride: int = 1, skip: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1, stride=stride)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.third = nn.Conv2d(channels, channels, 3, padding=1)
        self.fc = nn.Linear(channels, 2)
        self.skip = skip

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images).relu()
        y = self.second(x)
        y = x + y if self.skip else y
        return self.fc(self.third(y.relu()).mean((2, 3)))


class ChannelsLast(nn.Module):
    """(B,H,W,C) from ``body`` on; ``fixed`` refuses another size, as Swin does."""

    def __init__(self, channels: int = 4, fixed: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 1)
        self.body = nn.Sequential(nn.Linear(channels, channels), nn.GELU())
        self.fc = nn.Linear(channels, 2)
        self.fixed = fixed

    def forward(self, images: Tensor) -> Tensor:
        if self.fixed is not None and tuple(images.shape[2:]) != self.fixed:
            raise AssertionError("another size")
        return self.fc(self.body(self.stem(images).permute(0, 2, 3, 1)).mean((1, 2)))
