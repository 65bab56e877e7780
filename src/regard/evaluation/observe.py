"""One pass over a split: everything that later questions need of the model, an image a row."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from regard.backbones import looking
from regard.data import Split
from regard.metrics import anchor_counts
from regard.models import AttentiveClassifier
from regard.training import sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Map, Unit

SAMPLES = 4
BATCH = 256


@dataclass(frozen=True)
class Observation:
    """What a model said of a split of N images.

    Attributes:
        mean: probabilities of the mean map and latent (N,n).
        one: of one sampled map and latent, the channel that is priced (N,n); None where nothing is random.
        several: averaged over ``SAMPLES`` samples (N,n); None likewise.
        rates: one-sample bits an image by name (N,): ``latent_bits``, ``gate_bits``, ``code_bits``; never to be added.
        gates: mean gate of every attended layer that has one, each (N,1,h,w).
        map: what is judged: what the last attended layer shows (``AttentiveClassifier.shown``); None without.
        anchor_counts: how often each anchor is taken (Q,), last layer, one-sample maps; None without anchors.
        anchors: their values (Q,).
    """

    mean: Tensor
    one: Tensor | None
    several: Tensor | None
    rates: dict[str, Tensor] = field(default_factory=dict)
    gates: tuple[Tensor, ...] = ()
    map: Map | None = None
    anchor_counts: Tensor | None = None
    anchors: Tensor | None = None


@torch.no_grad()
def observe(model: AttentiveClassifier, split: Split, *, seed: int) -> Observation:
    """Looks at every image once; noise is a function of the seed and the batch, so a second look sees the same."""
    rows: dict[str, list[Tensor]] = {}
    layers: list[list[Tensor]] = [[] for _ in model.at]
    unit: Unit | None = None
    counts, anchors = None, None
    random = bool(model.at) or model.bottleneck is not None
    device = next(model.parameters()).device
    with looking(model):
        for part in torch.arange(len(split)).split(BATCH):
            images = split.batch(part).images.to(device)
            out = model(images, samples=0)
            found = {"mean": out.probabilities(model.multi_label)}
            for layer, attention in zip(layers, out.attention, strict=True):
                if attention.unit == "gate":
                    layer.append(attention.map[0].cpu())
            if out.attention:
                shown = model.shown(out.attention[-1])
                unit, found["map"] = shown.unit, shown.values
            if random:
                seed_everything(seed, int(part[0]))
                one = model(images, samples=1)
                found["one"] = one.probabilities(model.multi_label)
                found["several"] = model(images, samples=SAMPLES).probabilities(model.multi_label)
                found |= {name: nats / NATS_PER_BIT for name, nats in sampled_rates(model, one).items()}
                last = one.attention[-1] if one.attention else None
                if last is not None and last.index is not None and last.anchors is not None:
                    anchors = last.anchors.cpu()
                    taken = anchor_counts(last.index.cpu(), len(anchors))
                    counts = taken if counts is None else counts + taken
            for name, values in found.items():
                rows.setdefault(name, []).append(values.float().cpu())
    seen = {name: torch.cat(values) for name, values in rows.items()}
    return Observation(
        mean=seen["mean"],
        one=seen.get("one"),
        several=seen.get("several"),
        rates={name: seen[name] for name in ("latent_bits", "gate_bits", "code_bits") if name in seen},
        gates=tuple(torch.cat(layer) for layer in layers if layer),
        map=None if unit is None else Map(seen["map"], unit),
        anchor_counts=counts,
        anchors=anchors,
    )
