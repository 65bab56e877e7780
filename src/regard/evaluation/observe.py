"""One pass over a split: everything that later questions need of the model, an image a row.

How many images a network is shown at a time.

One pass over a split: how well each image is done, the map, and the bits that the map let through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import Split
from regard.metrics import accuracy, anchor_counts
from regard.metrics.salient_object import all_scores, s_measure
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.training import forward_batch, kept_share, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Batch, Map, RegardError, Unit

MOST = 256
PIXELS = MOST * 48 * 48
"""On a processor: more of them no longer fit its caches, and an image of 192 pixels takes three times as long."""


def images_at_once(split: Split, device: torch.device | str = "cpu") -> int:
    """As many of the split's images as are fast together: 256, and fewer large ones on a processor."""
    if torch.device(device).type != "cpu" or not len(split):
        return MOST
    height, width = split.batch([0]).images.shape[-2:]
    return max(1, min(MOST, PIXELS // (height * width)))


SAMPLES = 4
"""The number of samples that tables of runs show."""
EVERY_SAMPLES = (4, 12)
"""The paper's numbers of samples at test: 4 on CIFAR, 12 on CUB."""
_ROWS = 4
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
        split: images; with maps where they are imposed (`regard.training.map_override`).
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
    with eval_mode(model):
        for part in torch.arange(len(split)).split(at_once):
            batch = split.batch(part).to(device)
            if isinstance(model, AttentiveClassifier) and model.frozen_upto is not None and batch.stem is None:
                batch = replace(batch, stem=model.stem(batch.images))
            out = forward_batch(model, batch, samples=0)
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
                one = forward_batch(model, batch, samples=1)
                found["one"] = one.probabilities(model.multi_label)
                found |= _averaged(model, batch, samples, _ROWS * at_once)
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
        forward_batch(model, _rows(batch, part), samples=most)
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


BATCH = 64


@dataclass(frozen=True)
class Look:
    """What a network did with N images.

    Attributes:
        scores: values an image (N,) by name; ``performance`` is 0 or 1 of a class, S-measure of a mask; of masks there
            are the other measures besides.
        map: what the last attended layer shows at its mean; None without attention.
        bits: one-sample price of what the gates let through (N,); None where it has none.
    """

    scores: dict[str, Float[Tensor, " N"]]
    map: Map | None = None
    bits: Float[Tensor, " N"] | None = None


def look(model: Any, split: Split, *, seed: int, whole: bool = True) -> Look:
    """Looks at every image; noise is a function of seed and batch.

    Args:
        model: what looks: of any task.
        split: N images, with maps where they are imposed.
        seed: of sampled maps.
        whole: whether maps, bits and further scores are wanted, or the performance alone.
    """
    parts: dict[str, list[Tensor]] = {}
    unit: Unit | None = None
    for index in torch.arange(len(split)).split(BATCH):
        batch = split.batch(index)
        output = answer(model, batch)
        found = {"performance": performance(model, output, batch)}
        if whole and isinstance(model, Segmenter):
            assert batch.masks is not None
            found |= {f"score/{k}": v for k, v in all_scores(output.probabilities.cpu(), batch.masks.cpu()).items()}
        if whole and output.attention:
            shown = model.shown(output.attention[-1])
            unit, found["map"] = shown.unit, shown.values
            if any(layer.price is not None for layer in output.attention):
                found |= _bits(model, batch, seed + int(index[0]))
        for name, values in found.items():
            parts.setdefault(name, []).append(values.float().cpu())
    seen = {name: torch.cat(values) for name, values in parts.items()}
    scores = {name.removeprefix("score/"): v for name, v in seen.items() if name not in ("map", "bits")}
    return Look(scores, None if unit is None else Map(seen["map"], unit), seen.get("bits"))


def maps_of(model: Any, split: Split, index: Tensor | None = None) -> Map:
    """What the last attended layer shows on every image (N,1,h,w), or those of ``index``, whatever is known of them.

    Raises:
        RegardError: nothing is attended.
    """
    shown = []
    for part in (torch.arange(len(split)) if index is None else index).split(BATCH):
        output = answer(model, split.batch(part))
        if not output.attention:
            raise RegardError("maps: nothing is attended, so there is no map")
        shown.append(model.shown(output.attention[-1]))
    return Map(torch.cat([one.values.float().cpu() for one in shown]), shown[0].unit)


def answer(model: Any, batch: Batch, *, samples: int = 0) -> Any:
    """The mean prediction, or one with sampled maps, in evaluation mode on the model's device."""
    with eval_mode(model):
        return forward_batch(model, batch.to(next(model.parameters()).device), samples=samples)


def performance(model: Any, output: Any, batch: Batch) -> Float[Tensor, " B"]:
    """Of the task on each image: 0 or 1 of a class, S-measure of a mask; more is better."""
    if isinstance(model, Segmenter):
        assert batch.masks is not None
        return s_measure(output.probabilities.cpu(), batch.masks.cpu())
    return accuracy(output.probabilities(model.multi_label).cpu(), batch.labels.cpu())


def _bits(model: Any, batch: Batch, seed: int) -> dict[str, Tensor]:
    seed_everything(seed)
    rates = sampled_rates(model, answer(model, batch, samples=1))
    return {"bits": rates["gate_bits"] / NATS_PER_BIT} if "gate_bits" in rates else {}
