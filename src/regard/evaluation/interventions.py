"""Whether the network depends on its map: the map is replaced, everything else stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import Split
from regard.evaluation.context import OVERRIDDEN, Columns, EvaluationContext, ReferenceColumns, Value
from regard.evaluation.observe import batches, device_of
from regard.evaluation.rows import mean_interval
from regard.metrics import accuracy, controls
from regard.metrics.faithfulness import divergence
from regard.report import Intervention
from regard.types import NATS_PER_BIT, Map

_SHARES = (0.1, 0.25)
_IMAGES = 512
_SCORED = ("uniform", "shuffled", "another")


@dataclass(frozen=True)
class InterventionMaps:
    """One intervention: its name for programs (``key``) and for people, what it does in one sentence, the maps that
    replace the network's own (per layer, (N,1,h,w)), and the share of positions of the last layer whose value changes.
    """

    key: str
    label: str
    meaning: str
    maps: list[Tensor]
    touched: float


def interventions(context: EvaluationContext) -> Columns:
    """Accuracy with the image's own map, its mean everywhere, and another image's, of some images; nothing without a
    gate.
    """
    index = context.subset(_IMAGES)
    gates = tuple(gate[index] for gate in context.observation.gates)
    if not gates or len(index) < 2:
        return Columns()
    labels = context.labels[index]
    values: dict[str, Value] = {"accuracy_own_map": accuracy(context.observation.mean[index], labels)}
    for override in intervention_maps(gates, None, seed=context.seed):
        if override.key in ("uniform", "another"):
            mean, _ = predict_with_maps(context.model, context.split, override.maps, index)
            values[f"accuracy_{override.key}_map"] = accuracy(mean, labels)
    return Columns(values)


def all_interventions(context: EvaluationContext) -> Columns:
    """Every intervention on all images, with accuracy, KL and bits as a part of its own; nothing without a gate.

    KL is from the prediction with the network's own mean map, nats; bits are the latent's exact rate and, where gate
    bits mean something, the gate's price, both with the map that was put in place and without noise of the map.
    """
    observation = context.observation
    if not observation.gates:
        return Columns(parts={"interventions": ()})
    gates, anchors = observation.gates, observation.anchors
    if context.carry is not None:
        columns = context.carry(OVERRIDDEN, gate_columns(gates, anchors))
    else:
        columns = override_columns(context.model, context.split, gates, anchors, seed=context.seed)
    none = InterventionMaps("own", "its own map", "As the network made it.", [], 0.0)
    lines, values = [], {}
    for override in (none, *intervention_maps(gates, anchors, seed=context.seed)):
        own = {
            name.removeprefix(f"{override.key}/"): column
            for name, column in columns.items()
            if name.startswith(f"{override.key}/")
        }
        lines.append(_line(override, own.pop("hits"), own.pop("kl"), own))
        if override.key in _SCORED:
            values[f"accuracy_{override.key}"] = columns[f"{override.key}/hits"]
    control = ReferenceColumns("its own map", "control", dict.fromkeys(values, columns["own/hits"]))
    return Columns(values, (control,), parts={"interventions": tuple(lines)})


def gate_columns(gates: tuple[Tensor, ...], anchors: Tensor | None) -> dict[str, Tensor]:
    """What another process needs for `override_columns`; `gates_of` reads it."""
    named = {f"gate {k}": gate for k, gate in enumerate(gates)}
    return named if anchors is None else named | {"anchors": anchors}


def gates_of(columns: Mapping[str, Tensor]) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """The gates and anchors of `gate_columns`."""
    count = sum(name.startswith("gate ") for name in columns)
    return tuple(columns[f"gate {k}"] for k in range(count)), columns.get("anchors")


def override_columns(
    model: Any,
    split: Split,
    gates: tuple[Float[Tensor, "N 1 h w"], ...],
    anchors: Float[Tensor, " Q"] | None,
    index: Tensor | None = None,
    *,
    seed: int,
) -> dict[str, Tensor]:
    """Hits, KL (nats) from the prediction with its own maps, and bits of the split's images under every intervention.

    A tensor of one value per image by the name ``KEY/hits``, ``KEY/kl`` and ``KEY/latent_bits`` or ``KEY/gate_bits``.

    Args:
        model: a classifier with gates.
        split: of N images.
        gates: of all images, as observed.
        anchors: of the last layer.
        index: positions of the images; None for all.
        seed: see `intervention_maps`.
    """
    index = torch.arange(len(split)) if index is None else index
    labels = split.labels.cpu()[index]
    before, bits = predict_with_maps(model, split, [gate[index] for gate in gates], index)
    columns = {"own/hits": accuracy(before, labels), "own/kl": torch.zeros(len(index))}
    columns |= {f"own/{name}": values for name, values in bits.items()}
    for override in intervention_maps(gates, anchors, seed=seed):
        after, bits = predict_with_maps(model, split, [map[index] for map in override.maps], index)
        columns[f"{override.key}/hits"] = accuracy(after, labels)
        columns[f"{override.key}/kl"] = _divergence(before, after, model.multi_label)
        columns |= {f"{override.key}/{name}": values for name, values in bits.items()}
    return columns


def intervention_maps(
    gates: tuple[Float[Tensor, "N 1 h w"], ...], anchors: Float[Tensor, " Q"] | None, *, seed: int
) -> Iterator[InterventionMaps]:
    """All interventions on the gates of N images (mean maps); with several layers, all are replaced alike.

    Each of the last layer's ``anchors`` (Q,) that is used and is not 0 is closed by itself; ``seed`` decides positions
    and exchanges.
    """

    def override(key: str, label: str, meaning: str, maps: list[Tensor]) -> InterventionMaps:
        return InterventionMaps(key, label, meaning, maps, (maps[-1] != gates[-1]).float().mean().item())

    flat = [gate.mean((2, 3), keepdim=True).expand_as(gate) for gate in gates]
    yield override("uniform", "uniform", "Every position gets the image's own mean.", flat)
    everyone = [g.mean(0, keepdim=True).expand_as(g) for g in gates]
    yield override("mean", "mean map", "Every image gets the mean map of all.", everyone)
    yield override("shuffled", "shuffled", "The image's own values at random positions.", _shuffled(gates, seed))
    if len(gates[0]) > 1:
        others = [controls.permuted(Map(g, "gate"), seed=seed).values for g in gates]
        yield override("another", "another image's", "The map that the network made for another image.", others)
    for share in _SHARES:
        top = [highest(g, share, seed) for g in gates]
        name = f"{100 * share:g} %"
        kept = [torch.where(t, g, 0) for t, g in zip(top, gates, strict=True)]
        removed = [torch.where(t, 0, g) for t, g in zip(top, gates, strict=True)]
        number = round(100 * share)
        yield override(f"kept_{number}", f"highest {name} kept", "All other positions are closed.", kept)
        yield override(f"removed_{number}", f"highest {name} removed", "These positions are closed.", removed)
    if anchors is None:
        return
    nearest = torch.bucketize(gates[-1], (anchors[1:] + anchors[:-1]) / 2)
    for q, value in enumerate(anchors.tolist()):
        taken = nearest == q
        if value > 0 and taken.any():
            closed = [*gates[:-1], torch.where(taken, 0, gates[-1])]
            yield override(f"anchor_{q}", f"anchor {value:.3g} closed", "Positions at this anchor are closed.", closed)


def _shuffled(gates: tuple[Tensor, ...], seed: int) -> list[Tensor]:
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


def predict_with_maps(model: Any, split: Split, maps: list[Tensor], index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Probabilities (N,n) of a classifier, and bits per image by name (N,), of the split's images ``index`` (N,), with
    these maps: one per attended layer (N,1,h,w).
    """
    device, start = device_of(model), 0
    means: list[Tensor] = []
    bits: dict[str, list[Tensor]] = {}
    for part, batch in batches(model, split, index):
        given = [m[start : start + len(part)].to(device) for m in maps]
        start += len(part)
        with eval_mode(model):
            output = model(batch.images, map_override=given, stem=batch.stem)
        means.append(output.probabilities(model.multi_label).float().cpu())
        rates = {"latent_bits": output.latent.rate} if output.latent is not None else {}
        prices = [a.price[0].flatten(1).sum(1) for a in output.attention if a.price is not None]
        if prices and model.cut.is_cut:
            rates["gate_bits"] = torch.stack(prices).sum(0)
        for name, nats in rates.items():
            bits.setdefault(name, []).append(nats.float().cpu() / NATS_PER_BIT)
    return torch.cat(means), {name: torch.cat(values) for name, values in bits.items()}


def _divergence(before: Tensor, after: Tensor, multi_label: bool) -> Tensor:
    if not multi_label:
        return divergence(before, after)
    pairs = [torch.stack([p, 1 - p], -1).flatten(0, 1) for p in (before, after)]
    return divergence(*pairs).view(before.shape).sum(1)


def _line(override: InterventionMaps, hits: Tensor, kl: Tensor, bits: dict[str, Tensor]) -> Intervention:
    return Intervention(
        override.key,
        override.label,
        override.meaning,
        override.touched,
        accuracy=mean_interval(hits),
        kl=mean_interval(kl),
        **{name: mean_interval(values) for name, values in bits.items()},
    )
