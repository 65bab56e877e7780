"""The families that regard is tested with; each is built once per worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from regard.models import AttentiveClassifier

CLASSES = 5


@dataclass(frozen=True)
class Family:
    backbone: str
    at: str
    size: tuple[int, int] = (64, 64)
    options: dict[str, Any] = field(default_factory=dict)
    cut: bool = True
    slow: bool = False

    def build(self, **arguments: Any) -> AttentiveClassifier:
        torch.manual_seed(0)
        options: dict[str, Any] = {"at": self.at, "input_size": self.size, "backbone_options": self.options}
        return AttentiveClassifier(self.backbone, CLASSES, **{**options, **arguments})

    def images(self, count: int = 2) -> torch.Tensor:
        return torch.rand(count, 3, *self.size, generator=torch.Generator().manual_seed(1))

    @property
    def param(self) -> Any:
        height, width = self.size
        marks = [pytest.mark.slow] if self.slow else []
        return pytest.param(self, id=f"{self.backbone}-{height}x{width}", marks=marks)


FAMILIES = [
    Family("alexnet", "features.4"),
    Family("vgg16_bn", "features.42", options={"mlp_ratio": 1 / 64}, slow=True),
    Family("resnet18", "layer3", (64, 96)),
    Family("wide_resnet50_2", "layer3", slow=True),
    Family("mobilenetv3_small_050", "blocks.3"),
    Family("convnext_tiny", "stages.2", slow=True),
    Family("tf_efficientnet_lite0", "blocks.4"),
    Family("vit_tiny_patch16_224", "patch_embed", options={"depth": 4}),
    Family("vit_tiny_patch16_224", "blocks.2", (64, 96), options={"depth": 4}, cut=False),
    Family("swin_tiny_patch4_window7_224", "layers.2", slow=True),
]
PARAMS = [family.param for family in FAMILIES]
