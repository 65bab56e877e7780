"""Other maps for a network that learned attention: what an intervention puts in place of its own, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics import controls
from regard.types import Map

SHARES = (0.1, 0.25)


@dataclass(frozen=True)
class GivenMaps:
    """One intervention.

    Attributes:
        key: its name for programs.
        label: its name for people.
        meaning: one sentence.
        maps: instead of the network's own, a layer each (N,1,h,w).
        touched: share of positions whose value is another one, last layer.
    """

    key: str
    label: str
    meaning: str
    maps: list[Tensor]
    touched: float


def given_maps(
    gates: tuple[Float[Tensor, "N 1 h w"], ...], anchors: Float[Tensor, " Q"] | None, *, seed: int
) -> Iterator[GivenMaps]:
    """All interventions on the gates of N images; with several layers, all are replaced alike.

    Args:
        gates: as the network made them, mean maps.
        anchors: values that the last layer's map may take; each one that is used and is not 0 is closed by itself.
        seed: of positions and exchanges.
    """

    def made(key: str, label: str, meaning: str, maps: list[Tensor]) -> GivenMaps:
        return GivenMaps(key, label, meaning, maps, (maps[-1] != gates[-1]).float().mean().item())

    yield made("uniform", "uniform", "Every position gets the image's own mean.", [flat(g) for g in gates])
    everyone = [g.mean(0, keepdim=True).expand_as(g) for g in gates]
    yield made("mean", "mean map", "Every image gets the mean map of all.", everyone)
    yield made("shuffled", "shuffled", "The image's own values at random positions.", shuffled(gates, seed))
    if len(gates[0]) > 1:
        others = [controls.permuted(Map(g, "gate"), seed=seed).values for g in gates]
        yield made("another", "another image's", "The map that the network made for another image.", others)
    for share in SHARES:
        top = [highest(g, share, seed) for g in gates]
        name = f"{100 * share:g} %"
        kept = [torch.where(t, g, 0) for t, g in zip(top, gates, strict=True)]
        removed = [torch.where(t, 0, g) for t, g in zip(top, gates, strict=True)]
        yield made(f"kept_{round(100 * share)}", f"highest {name} kept", "All other positions are closed.", kept)
        yield made(f"removed_{round(100 * share)}", f"highest {name} removed", "These positions are closed.", removed)
    for q, taken in [] if anchors is None else _anchor_places(gates[-1], anchors):
        closed = [*gates[:-1], torch.where(taken, 0, gates[-1])]
        value = float(anchors[q]) if anchors is not None else 0.0
        yield made(f"anchor_{q}", f"anchor {value:.3g} closed", "Positions at this anchor are closed.", closed)


def flat(gate: Float[Tensor, "N 1 h w"]) -> Float[Tensor, "N 1 h w"]:
    """The image's own mean everywhere."""
    return gate.mean((2, 3), keepdim=True).expand_as(gate)


def shuffled(gates: tuple[Tensor, ...], seed: int) -> list[Tensor]:
    """The image's own values at random positions."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.rand(gate.flatten(1).shape, generator=generator).argsort(1) for gate in gates]
    return [g.flatten(1).gather(1, order).reshape(g.shape) for g, order in zip(gates, orders, strict=True)]


def highest(gate: Float[Tensor, "N 1 h w"], share: float, seed: int) -> Tensor:
    """Which positions are the highest `share` (at least one); ties are broken by chance, not by place (N,1,h,w)."""
    flat_gate = gate.flatten(1)
    count = max(1, round(share * flat_gate.shape[1]))
    chance = torch.rand(flat_gate.shape, generator=torch.Generator().manual_seed(seed)).argsort(1).to(gate.device)
    ranked = chance.gather(1, flat_gate.gather(1, chance).argsort(dim=1, descending=True, stable=True))
    return torch.zeros_like(flat_gate, dtype=torch.bool).scatter(1, ranked[:, :count], True).view_as(gate)


def _anchor_places(gate: Tensor, anchors: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Positions at each anchor that is taken and not closed already."""
    nearest = torch.bucketize(gate, (anchors[1:] + anchors[:-1]) / 2)
    for q in range(len(anchors)):
        taken = nearest == q
        if anchors[q] > 0 and taken.any():
            yield q, taken
