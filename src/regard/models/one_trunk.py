"""Base of models with one attended trunk: normalisation of images, maps, parameter groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import LITE0_NORMALIZE, LITE0_WEIGHTS, Cut, MapOverrides, cut_of, eval_mode
from regard.models.base import Freezable
from regard.models.groups import Rates, parameter_groups
from regard.models.sharing import Shareable
from regard.types import NATS_PER_BIT, AttentionOutput, Map, RegardError

Normalize = tuple[Sequence[float], Sequence[float]]
IMAGENET: Normalize = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class OneTrunk(Freezable, Shareable):
    """A trunk with attended layers, whose first layers may be frozen, that saves to and loads from two files."""

    def normalize_by(self, statistics: tuple[tuple[float, ...], tuple[float, ...]] | None) -> None:
        """Sets the mean and standard deviation per channel that images are normalised by; None: no normalisation."""
        mean, std = statistics or ((0.0,), (1.0,))
        self.normalizes = statistics is not None
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    @property
    def cut(self) -> Cut:
        """Whether everything passes through the gates; if not, the paths around them."""
        return cut_of(self.trunk)

    def explain(self, images: Float[Tensor, "B C H W"], *, layer: int = -1, map_override: MapOverrides = None) -> Map:
        """The map of one attended layer, by default the last to run, as ``shown`` has it."""
        with eval_mode(self):
            outputs = self(images, samples=0, map_override=map_override).attention
        if not outputs:
            raise RegardError("explain: nothing is attended; build the model with attention=")
        return self.shown(outputs[layer])

    def shown(self, output: AttentionOutput) -> Map:
        """The map of an attended layer's first sample.

        Bits per position, where the gate has a price and is a cut; else its map, in its own unit.
        """
        if output.price is not None and self.cut.is_cut:
            return Map(output.price[0] / NATS_PER_BIT, "bits")
        return Map(output.map[0], output.unit)

    def parameter_groups(self, lr: float, **rates: Unpack[Rates]) -> list[dict[str, Any]]:
        """Groups for any optimiser, with a learning rate per part; see ``regard.models.parameter_groups``."""
        return parameter_groups(self, lr, **rates)


def resolve_normalize(
    normalize: Normalize | None, trunk: nn.Module, pretrained: bool | str | Path
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation a channel.

    MapOverrides ones first; else, for pretrained weights, those that the network's library states; else None.
    """
    if normalize is None and pretrained is not False:
        config = getattr(trunk, "pretrained_cfg", None) or {}
        normalize = (config["mean"], config["std"]) if "mean" in config else IMAGENET
        normalize = LITE0_NORMALIZE if str(pretrained) == LITE0_WEIGHTS else normalize
    if normalize is None:
        return None
    mean, std = (tuple(float(value) for value in side) for side in normalize)
    if len(mean) != len(std) or min(std) <= 0:
        raise RegardError(f"normalize={normalize}: one mean and one positive standard deviation per channel")
    return mean, std
