"""A model of one attended trunk: what a classifier and a segmenter show, learn and normalise alike."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from regard.backbones import Cut, MapOverride, cut_of, eval_mode
from regard.models.base import Freezable
from regard.models.groups import Rates, parameter_groups
from regard.models.sharing import Shareable
from regard.types import NATS_PER_BIT, AttentionOutput, Map, RegardError


class OneTrunk(Freezable, Shareable):
    """A trunk whose first layers may be frozen, some of whose layers are attended, and that two files rebuild."""

    def normalize_by(self, statistics: tuple[tuple[float, ...], tuple[float, ...]] | None) -> None:
        """Images are normalised by mean and standard deviation a channel; None leaves them as they are."""
        mean, std = statistics or ((0.0,), (1.0,))
        self.normalizes = statistics is not None
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    @property
    def cut(self) -> Cut:
        """Whether everything passes through the gates; if not, what goes around them."""
        return cut_of(self.trunk)

    def explain(self, images: Float[Tensor, "B C H W"], *, layer: int = -1, map_override: MapOverride = None) -> Map:
        """The map of one attended layer, by default the last to run, as ``shown`` has it."""
        with eval_mode(self):
            outputs = self(images, samples=0, map_override=map_override).attention
        if not outputs:
            raise RegardError("explain: nothing is attended; build the model with attention=")
        return self.shown(outputs[layer])

    def shown(self, output: AttentionOutput) -> Map:
        """What an attended layer has to show, of its first sample.

        Bits a position, where the gate has a price and is a cut; else its map, in its own unit.
        """
        if output.price is not None and self.cut.is_cut:
            return Map(output.price[0] / NATS_PER_BIT, "bits")
        return Map(output.map[0], output.unit)

    def parameter_groups(self, lr: float, **rates: Unpack[Rates]) -> list[dict[str, Any]]:
        """Groups for any optimiser, with a learning rate a part; see ``regard.models.parameter_groups``."""
        return parameter_groups(self, lr, **rates)
