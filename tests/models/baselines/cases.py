"""Every baseline on every kind of backbone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from regard.models import AttentiveClassifier

CLASSES = 5
COMPACT = {"widths": (4, 6, 8, 10)}
WRN = {"depth": 10, "width": 1, "dropout": 0.0}


@dataclass(frozen=True)
class Case:
    baseline: str
    backbone: str
    at: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    backbone_options: dict[str, Any] = field(default_factory=dict)
    side: int = 32
    maps: int = 1

    def build(self, **arguments: Any) -> AttentiveClassifier:
        torch.manual_seed(0)
        return AttentiveClassifier(
            self.backbone,
            CLASSES,
            at=list(self.at) or None,
            attention=self.baseline,
            attention_options=self.options,
            backbone_options=self.backbone_options,
            input_size=(self.side, self.side),
            **arguments,
        )

    def images(self, count: int = 3) -> torch.Tensor:
        return torch.rand(count, 3, self.side, self.side, generator=torch.Generator().manual_seed(1))

    @property
    def param(self) -> Any:
        words = [self.baseline, self.backbone, *self.at, *map(str, self.options.values())]
        marks = [pytest.mark.slow] if self.backbone == "vgg_cifar" else []
        return pytest.param(self, id="-".join(words), marks=marks)


def on(
    backbone: str,
    two: tuple[str, str],
    attended: str,
    options: dict[str, Any],
    side: int = 32,
    gap: tuple[str, ...] = (),
) -> list[Case]:
    return [
        Case("gap", backbone, gap, {"shorten": True} if gap else {}, options, side),
        Case("ltpa", backbone, two, {}, options, side, 2),
        Case("abn", backbone, (attended,), {}, options, side),
        Case("cbam", backbone, (attended,), {}, options, side),
    ]


VIT = {"depth": 2, "class_token": False, "global_pool": "avg"}
CASES = [
    *on("compact", ("stage2", "stage3"), "stage2", COMPACT),
    Case("ltpa", "compact", ("stage1", "stage2", "stage3"), {"compatibility": "sigmoid"}, COMPACT, maps=3),
    *on("wrn", ("block2", "block3"), "block2", WRN),
    *on("resnet18", ("layer2", "layer3"), "layer3", {"zero_init_last": False}, 64),
    *on("vgg_cifar", ("stem.20", "stage1.8"), "stem", {}, gap=("stage2.8",)),
    Case("vit_ib", "vit_tiny_patch16_224", (), {"latent": 4, "hidden": 8}, VIT, 64, 2),
]
PARAMS = [case.param for case in CASES]
