"""Whether the network heeds its map: the map is replaced, everything else stays.

Other maps for a network that learned attention: what an intervention puts in place of its own, layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.entries import entry, interval_of, reference
from regard.evaluation.observe import Observation, images_at_once
from regard.metrics import accuracy, controls, score
from regard.metrics.faithfulness import divergence
from regard.models import AttentiveClassifier
from regard.types import NATS_PER_BIT, Map

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


SCORED = ("uniform", "shuffled", "another")
LABELS = {"uniform": "a uniform map", "shuffled": "its map shuffled", "another": "another image's map"}


def intervention_scores(
    model: AttentiveClassifier, split: Split, seen: Observation, labels: Tensor, *, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the table of scores, and every intervention with accuracy, KL and bits.

    KL is from the prediction with the network's own mean map, nats; bits are the latent's exact rate and, where gate
    bits mean something, the gate's price, both with the given map and without noise of the map.
    """
    if not seen.gates:
        return [], []
    own, every = accuracy(seen.mean, labels), torch.arange(len(split))
    rows, all_rows = [], []
    before, bits = ask_with(model, split, list(seen.gates), every)
    all_rows.append(_line("own", "its own map", "As the network made it.", 0.0, own, torch.zeros(len(own)), bits))
    for given in given_maps(seen.gates, seen.anchors, seed=seed):
        after, bits = ask_with(model, split, given.maps, every)
        hits = accuracy(after, labels)
        kl = _divergence(before, after, model.multi_label)
        all_rows.append(_line(given.key, given.label, given.meaning, given.touched, hits, kl, bits))
        if given.key in SCORED:
            rows.append(
                entry(
                    f"accuracy_{given.key}",
                    "interventions",
                    f"Accuracy with {LABELS[given.key]}",
                    f"Accuracy, mean prediction. {given.meaning}",
                    hits,
                    references=[reference("its own map", "control", own)],
                    against=("its own map", own),
                )
            )
    return rows, all_rows


@torch.no_grad()
def ask_with(
    model: AttentiveClassifier, split: Split, maps: list[Tensor], index: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Probabilities (N,n) and bits an image by name (N,) of some of a split's images, with these maps.

    Args:
        model: put into evaluation mode.
        split: of images.
        maps: an attended layer each (N,1,h,w).
        index: which images (N,).
    """
    model.eval()
    device = next(model.parameters()).device
    parts: list[Tensor] = []
    bits: dict[str, list[Tensor]] = {}
    for part in torch.arange(len(index)).split(images_at_once(split, device)):
        given = [m[part].to(device) for m in maps]
        batch = split.batch(index[part]).to(device)
        output = model(batch.images, samples=0, map_override=given, stem=batch.stem)
        parts.append(output.probabilities(model.multi_label).float().cpu())
        found = {"latent_bits": output.latent.rate} if output.latent is not None else {}
        prices = [a.price[0].flatten(1).sum(1) for a in output.attention if a.price is not None]
        if prices and model.cut.is_cut:
            found["gate_bits"] = torch.stack(prices).sum(0)
        for name, nats in found.items():
            bits.setdefault(name, []).append(nats.float().cpu() / NATS_PER_BIT)
    return torch.cat(parts), {name: torch.cat(values) for name, values in bits.items()}


def _divergence(before: Tensor, after: Tensor, multi_label: bool) -> Tensor:
    if not multi_label:
        return divergence(before, after)
    pairs = [torch.stack([p, 1 - p], -1).flatten(0, 1) for p in (before, after)]
    return divergence(*pairs).view(before.shape).sum(1)


def _line(
    key: str, label: str, meaning: str, touched: float, hits: Tensor, kl: Tensor, bits: dict[str, Tensor]
) -> dict[str, Any]:
    measured = {"accuracy": hits, "kl": kl} | bits
    numbers = {name: interval_of(score(values)) for name, values in measured.items()}
    return {"key": key, "label": label, "meaning": meaning, "touched": touched} | numbers
