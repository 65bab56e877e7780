"""One pass over a split: everything that later questions need of the model, an image a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from regard.backbones import looking
from regard.data import Split
from regard.evaluation.at_once import images_at_once
from regard.metrics import anchor_counts
from regard.models import AttentiveClassifier, TwoStream
from regard.training import ask, kept_share, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Batch, Map, Unit

SAMPLES = 4
"""The number of samples that tables of runs show."""
EVERY_SAMPLES = (4, 12)
"""The paper's numbers of samples at test: 4 on CIFAR, 12 on CUB."""
ROWS = 4
"""Images times samples in one forward are so many times the images that are shown at once: bounds the memory."""


@dataclass(frozen=True)
class Observation:
    """What a model said of a split of N images.

    Attributes:
        mean: probabilities of the mean map and latent (N,n).
        one: of one sampled map and latent, the channel that is priced (N,n); None where nothing is random.
        averaged: probabilities averaged over so many samples (N,n), by their number; the fewer are the first ones of
            the more. Empty likewise.
        rates: one-sample bits an image by name (N,): ``latent_bits``, ``gate_bits``, ``code_bits``; never to be added.
        gates: mean gate of every attended layer that has one, each (N,1,h,w).
        map: what is judged: what the last attended layer shows (``AttentiveClassifier.shown``); None without.
        distribution: mean and standard deviation of the last attended layer's map, each (N,1,h,w); None where it is not
            random.
        anchor_counts: how often each anchor is taken (Q,), last layer, one-sample maps; None without anchors.
        anchors: their values (Q,).
        kept: share of positions that the mean map leaves open (N,), averaged over layers; None where none can close.
    """

    mean: Tensor
    one: Tensor | None
    averaged: Mapping[int, Tensor] = field(default_factory=dict)
    rates: dict[str, Tensor] = field(default_factory=dict)
    gates: tuple[Tensor, ...] = ()
    map: Map | None = None
    distribution: tuple[Tensor, Tensor] | None = None
    anchor_counts: Tensor | None = None
    anchors: Tensor | None = None
    kept: Tensor | None = None

    @property
    def several(self) -> Tensor | None:
        """Averaged over ``SAMPLES`` samples (N,n); None where nothing is random or that was not asked."""
        return self.averaged.get(SAMPLES)


@torch.no_grad()
def observe(
    model: AttentiveClassifier | TwoStream, split: Split, *, seed: int, samples: Sequence[int] = EVERY_SAMPLES
) -> Observation:
    """Looks at every image once; noise is a function of the seed and the batch, so a second look sees the same.

    Args:
        model: what is observed; of one with frozen layers, these run once.
        split: images; with maps where they are imposed (`regard.training.with_maps`).
        seed: of maps and latents.
        samples: numbers of samples to average predictions over. They cost one run of the layers behind the attention
            for each of the largest number; those before it run once.
    """
    rows: dict[str, list[Tensor]] = {}
    layers: list[list[Tensor]] = [[] for _ in model.at]
    unit: Unit | None = None
    counts, anchors = None, None
    random = bool(model.at) or model.bottleneck is not None
    device = next(model.parameters()).device
    at_once = images_at_once(split, device)
    with looking(model):
        for part in torch.arange(len(split)).split(at_once):
            batch = split.batch(part).to(device)
            if isinstance(model, AttentiveClassifier) and model.frozen_upto is not None and batch.stem is None:
                batch = replace(batch, stem=model.stem(batch.images))
            out = ask(model, batch, samples=0)
            found = {"mean": out.probabilities(model.multi_label)} | kept_share(out)
            for layer, attention in zip(layers, out.attention, strict=True):
                if attention.unit == "gate":
                    layer.append(attention.map[0].cpu())
            if out.attention:
                shown = model.shown(out.attention[-1])
                unit, found["map"] = shown.unit, shown.values
                if out.attention[-1].std is not None:
                    found |= {"map mean": out.attention[-1].mean, "map std": out.attention[-1].std}
            if random:
                seed_everything(seed, int(part[0]))
                one = ask(model, batch, samples=1)
                found["one"] = one.probabilities(model.multi_label)
                found |= _averaged(model, batch, samples, ROWS * at_once)
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
        averaged={n: seen[_averages(n)] for n in samples if _averages(n) in seen},
        rates={name: seen[name] for name in ("latent_bits", "gate_bits", "code_bits") if name in seen},
        gates=tuple(torch.cat(layer) for layer in layers if layer),
        map=None if unit is None else Map(seen["map"], unit),
        distribution=(seen["map mean"], seen["map std"]) if "map std" in seen else None,
        anchor_counts=counts,
        anchors=anchors,
        kept=seen.get("kept_share"),
    )


def _averages(samples: int) -> str:
    return f"averaged over {samples}"


def _averaged(
    model: AttentiveClassifier | TwoStream, batch: Batch, samples: Sequence[int], rows: int
) -> dict[str, Tensor]:
    """Probabilities (B,n) averaged over each number of samples, by its key; so many rows in one forward."""
    if not samples:
        return {}
    most = max(samples)
    parts = [
        ask(model, _rows(batch, part), samples=most)
        for part in torch.arange(len(batch.images)).split(max(1, rows // most))
    ]
    return {
        _averages(n): torch.cat([replace(p, logits=p.logits[:n]).probabilities(model.multi_label) for p in parts])
        for n in samples
    }


def _rows(batch: Batch, part: Tensor) -> Batch:
    """Some of the items of a batch."""
    taken: dict[str, Any] = {name: x[part] for name, x in vars(batch).items() if isinstance(x, Tensor)}
    return replace(batch, **taken)
