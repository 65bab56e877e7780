"""What a network expects its images to be: statistics of its pretrained weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from regard.backbones import LITE0_NORMALIZE, LITE0_WEIGHTS
from regard.types import RegardError

Normalize = tuple[Sequence[float], Sequence[float]]
IMAGENET: Normalize = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def resolve_normalize(
    normalize: Normalize | None, trunk: nn.Module, pretrained: bool | str | Path
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation a channel.

    MapOverride ones first; else, for pretrained weights, those that the network's library states; else None.
    """
    if normalize is None and pretrained is not False:
        config = getattr(trunk, "pretrained_cfg", None) or {}
        normalize = (config["mean"], config["std"]) if "mean" in config else IMAGENET
        normalize = LITE0_NORMALIZE if str(pretrained) == LITE0_WEIGHTS else normalize
    if normalize is None:
        return None
    mean, std = (tuple(float(value) for value in side) for side in normalize)
    if len(mean) != len(std) or min(std) <= 0:
        raise RegardError(f"normalize={normalize}: one mean and one positive standard deviation a channel")
    return mean, std
