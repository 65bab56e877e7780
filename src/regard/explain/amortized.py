"""Amortised IBA: a map in bits in one forward, by a head that learned once, without labels; the network stays as it is.

`iba` optimises noise for every image anew. Here a head h reads a layer's features R and gives the map:

    a = u sigmoid(h(R) - b),   Z = a R + (1 - a) (mu_c + sigma_c eps),   eps ~ N(0,1)
    h minimises  KL( p(y | R) || p(y | Z) )  at a given mean price of a

The price of a position is that of the noise gate (`regard.attention.gates`), in bits; the threshold b keeps the budget
(`regard.attention.projection`); mu_c and sigma_c are statistics of the images that h learned from. This is the Readout
Bottleneck of *Restricting the Flow* (Schulz et al., ICLR 2020) with a budget in place of their weight beta.

All that the second part of the network knows passes through the map, or its bits would bound nothing: a layer that a
path goes around is refused, and the prefix tokens of a transformer (class token, registers) are replaced by their mean.
Caveat: as of any learned gate, the map itself may carry information about the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from regard.attention import NoiseGate, SpatialAttention, create_attention
from regard.backbones import Layout, load_weights, output_at, read_weights, weights_hash
from regard.explain.context import ExplainContext
from regard.explain.split import layer_output
from regard.files import atomic_path, write_json
from regard.reading import read_json_file
from regard.types import NATS_PER_BIT, Map, RegardError

FACTS = "amortized_iba.json"
_WEIGHTS = "amortized_iba.safetensors"
_SCHEMA = 1
START = 0.97
"""Value of a fresh map, everywhere."""


@dataclass(frozen=True)
class LearnedFacts:
    """What `learn_amortized_iba` found; all shares and bits are of held-out images, which it did not learn from.

    *Kept* is the class that the network predicts without the map and with it alike. Caveat: where no bits are asked
    for, contrast and threshold are chosen on the same images, so ``kept`` flatters, the more the fewer they are.

    Attributes:
        layer: at which the map lies.
        network: hash of the network's weights (``regard.backbones.weights_hash``).
        images: from which it learned.
        held_out: on which it was measured.
        bits: that an image pays, the mean.
        kept: share of images whose class one sample of the noise keeps: the path that the bits bound.
        kept_mean: the same by the mean path, without noise.
        kept_open: by one sample of the most open map there is, the ceiling of ``kept``.
        uniform: by one sample of a uniform map of the same bits.
    """

    layer: str
    network: str
    images: int
    held_out: int
    bits: float
    kept: float
    kept_mean: float
    kept_open: float
    uniform: float


class AmortizedIba(nn.Module):
    """Images -> a map in bits per position, for one network.

    Args:
        attention: reads the layer's features.
        layout: of the layer's output.
        facts: what was measured.
        asked: what it was learned with: plain data by name.
        prefix: mean prefix tokens of the images that it learned from (P,C); None without any.
    """

    prefix: Tensor | None

    def __init__(
        self,
        attention: SpatialAttention,
        layout: Layout,
        facts: LearnedFacts,
        *,
        asked: Mapping[str, Any] | None = None,
        prefix: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.layout, self.facts, self.asked = attention.eval(), layout, facts, dict(asked or {})
        self.register_buffer("prefix", prefix)

    @torch.no_grad()
    def forward(self, context: ExplainContext) -> Map:
        """The map (B,1,h,w) of a context's images, in bits; the network runs up to the layer only.

        Raises:
            RegardError: ``layer`` is another one, or the network's layer has other channels.
        """
        layer = self.facts.layer
        if context.layer not in (None, layer):
            raise RegardError(f"layer={context.layer!r}: it was learned at {layer!r}; learn again for another layer")
        module = layer_output(context.network, layer)
        output = output_at(context.model, module, context.images)
        height, width = context.images.shape[2:]
        features = self.layout.features(output, (height, width)).float()
        if features.shape[1] != self.channels:
            raise RegardError(
                f"{layer} of {type(context.network).__name__} has {features.shape[1]} channels, the map learned from "
                f"{self.channels}; learn again for this network"
            )
        price = self.attention.to(features.device)(features).price
        return Map(price[0] / NATS_PER_BIT, "bits")

    @property
    def channels(self) -> int:
        """Of the features."""
        gate = self.attention.gate
        assert isinstance(gate, NoiseGate)
        return len(gate.mean)

    def check(self, model: nn.Module) -> None:
        """Raises RegardError where a network has not the weights of the one that was learned from."""
        if weights_hash(model) != self.facts.network:
            raise RegardError(
                f"the map at {self.facts.layer} was learned for a network of other weights, so it need not keep what "
                "this one predicts; learn one for this network, in another folder"
            )

    def save(self, folder: str | Path) -> None:
        """Writes ``amortized_iba.safetensors`` and then ``amortized_iba.json``, each whole or not at all."""
        state = {key: value.detach().cpu().clone().contiguous() for key, value in self.state_dict().items()}
        with atomic_path(Path(folder) / _WEIGHTS, parents=True) as part:
            save_file(state, part)
        content = {"schema": _SCHEMA, "facts": asdict(self.facts), "asked": self.asked}
        content |= {"channels": self.channels, "layout": asdict(self.layout)}
        write_json(Path(folder) / FACTS, content)

    @classmethod
    def load(cls, folder: str | Path) -> AmortizedIba:
        """Reads what `save` wrote.

        Raises:
            RegardError: nothing complete there.
        """
        path = Path(folder) / FACTS
        content = read_json_file(path, "learn a map into this folder")
        try:
            if content["schema"] != _SCHEMA:
                raise ValueError(f"schema {content['schema']}")
            plain: dict[str, Any] = {
                key: tuple(side) if isinstance(side, list) else side for key, side in content["layout"].items()
            }
            layout, facts = Layout(**plain), LearnedFacts(**content["facts"])
            asked, channels = dict(content["asked"]), int(content["channels"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegardError(f"{path}: does not describe a learned map ({error!r}); learn again") from error
        state = read_weights(path.with_name(_WEIGHTS))
        learned = cls(new_attention(channels), layout, facts, asked=asked, prefix=state.get("prefix"))
        load_weights(learned, state, source=str(path.with_name(_WEIGHTS)))
        return learned.eval()


def new_attention(channels: int) -> SpatialAttention:
    """An open attention whose budget is yet to be set; its map is not random, so what it pays is what is shown."""
    return create_attention("deterministic-noise", channels, initial=START, budget=1.0, schedule=(0.0, 0.0))
