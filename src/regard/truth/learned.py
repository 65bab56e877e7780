"""What some metrics learn first, for one network: to fill gaps, and copies of the network that know images with gaps.

All learn on the network's training images; the maps of these are held, so that a copy sees what the network bought.
Forwards of this training are not counted among those of a metric, but it takes seconds for each network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.judge import Inpainter, fine_tune, learn_inpainting
from regard.metrics import Filling
from regard.models import GlanceClassifier
from regard.truth.network import Held, held_maps
from regard.types import Predict

MOST_REMOVED = 0.1
"""Share of an image that F-Fidelity removes at most."""
CELL = 2
"""Pixels a side of what leaves at once in fine-tuning and in F-Fidelity."""
_STEPS = {"inpainting": 300, "tuning": 100}


@dataclass(frozen=True)
class Learned:
    """For one network, and one image whose map is held.

    Attributes:
        fill: images and what is removed -> images with a likely content there.
        tuned: predicts, fine-tuned with gaps of any size.
        little: predicts, fine-tuned with gaps of up to `MOST_REMOVED`.
    """

    fill: Filling
    tuned: Predict
    little: Predict


@dataclass(frozen=True)
class LearnedNetworks:
    """For one network: an inpainting network, and two copies."""

    fill: Inpainter
    tuned: GlanceClassifier
    little: GlanceClassifier

    def held(self, map: Float[Tensor, "1 1 h w"]) -> Learned:
        """With the map of one image held."""
        return Learned(self.fill, Held(self.tuned, map).predict, Held(self.little, map).predict)


def learn(
    model: GlanceClassifier, images: Float[Tensor, "N C H W"], *, seed: int, quick: bool = False
) -> LearnedNetworks:
    """Learns all three from training images; ``quick`` for tests, a few steps."""
    bought = torch.cat([held_maps(model, part) for part in images.split(200)])

    def forward(network: nn.Module, shown: Tensor, rows: Tensor) -> Tensor:
        logits: Tensor = network(shown, map_override=bought[rows]).logits[0]
        return logits

    steps = {name: 2 if quick else count for name, count in _STEPS.items()}
    fill = learn_inpainting(images, width=12, batch=16, steps=steps["inpainting"], seed=seed)
    copies = [
        fine_tune(model, images, beta=beta, cell=CELL, steps=steps["tuning"], seed=seed, forward=forward)
        for beta in (1.0, MOST_REMOVED)
    ]
    assert all(isinstance(copy, GlanceClassifier) for copy in copies)
    return LearnedNetworks(fill, *copies)  # type: ignore[arg-type]
