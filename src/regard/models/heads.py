"""Map heads by name, so that a classifier with one can be rebuilt from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from regard.attention import HEADS
from regard.backbones import bottleneck_branch, nearest, vgg_branch, wrn_branch
from regard.types import RegardError

MAP_HEADS: dict[str, Callable[[int, int], nn.Module]] = {
    "wrn_branch": wrn_branch,
    "vgg_branch": vgg_branch,
    "bottleneck_branch": bottleneck_branch,
}
"""name -> (channels, num_classes) -> module from features (B,C,H,W) to map logits (B,1,H,W)."""


def resolve_head(options: dict[str, Any], channels: int, num_classes: int) -> dict[str, Any]:
    """The options of an attention with a head that was given by name built."""
    head = options.get("head")
    if not isinstance(head, str) or head in HEADS:
        return options
    if head not in MAP_HEADS:
        raise RegardError(f"attention_options: no map head {head!r}; nearest: {nearest(head, [*MAP_HEADS, *HEADS])}")
    return {**options, "head": MAP_HEADS[head](channels, num_classes)}
