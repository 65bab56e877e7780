"""The sizes of baselines that the docs list are those that are built."""

from pathlib import Path
from typing import Any

import pytest

from regard.models import AttentiveClassifier

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"
COMPACT: dict[str, dict[str, Any]] = {
    "`gap`": {"attention": "gap"},
    "`ltpa`, two": {"attention": "ltpa", "at": ["stage2", "stage3"]},
    "`ltpa`, three": {"attention": "ltpa", "at": ["stage1", "stage2", "stage3"]},
    "`abn`": {"attention": "abn", "at": "stage2"},
    "`cbam`": {"attention": "cbam", "at": "stage1"},
}
VGG: dict[str, dict[str, Any]] = {
    "`gap`": {"attention": "gap", "at": "stage2.8", "attention_options": {"shorten": True}},
    "`ltpa`, two": {"attention": "ltpa", "at": ["stem.20", "stage1.8"]},
    "`ltpa`, three": {"attention": "ltpa", "at": ["stem.20", "stage1.8", "stage2.8"]},
    "`abn`": {"attention": "abn", "at": "stem"},
    "`cbam`": {"attention": "cbam", "at": "stem"},
}


@pytest.mark.parametrize("baseline", COMPACT)
def test_sizes(baseline: str, shapes_only: None) -> None:
    sizes = []
    for backbone, arguments in (("compact", COMPACT[baseline]), ("vgg_cifar", VGG[baseline])):
        model = AttentiveClassifier(backbone, 10, input_size=(32, 32), **arguments)
        sizes.append(sum(p.numel() for p in model.parameters()))
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {baseline}")]
    assert row.endswith("| " + " | ".join(f"{size:,}" for size in sizes) + " |")
