"""Small networks with known explanations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pooled(nn.Module):
    """conv -> relu -> mean over positions -> linear: the architecture of class activation maps."""

    def __init__(self, channels: int = 4, classes: int = 3, inplace: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=inplace)
        self.fc = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.relu(self.conv(images)).mean((2, 3)))


class Deep(nn.Module):
    """Everything that an explanation could leave changed: batch norm, dropout, a shared and in-place activation."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.last = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.fc = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(images)))
        x = self.act(x + self.body(x))
        return self.fc(self.last(x).mean((2, 3)))


class Linear(nn.Module):
    """A linear model of the pixels, through a convolution of one pixel so that it has a layer with positions."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.same = nn.Identity()
        self.weights = nn.Parameter(weights)  # (n,C,H,W)

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("bchw,nchw->bn", self.same(images), self.weights)


class Corner(nn.Module):
    """Its class depends only on the upper left corner of its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(1, 1, 1)
        nn.init.ones_(self.same.weight)
        nn.init.zeros_(self.same.bias)

    def forward(self, images: Tensor) -> Tensor:
        corner = 20 * (self.same(images)[:, 0, :2, :2].mean((1, 2)) - 0.5)
        return torch.stack([corner, -corner], 1)


def deep() -> Deep:
    torch.manual_seed(3)
    model = Deep()
    model.norm.running_mean.uniform_(-0.3, 0.3)
    return model
