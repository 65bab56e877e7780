"""One pass of a network over a split: predictions, maps and the bits that maps and latents let through, per image.

Every question of this room goes through `batches` (as many images as are fast together, on the model's device, through
a frozen stem once) and `forward`; `observe` is the pass whose results measures share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import Split
from regard.evaluation.tasks import scoring_of
from regard.metrics import anchor_counts
from regard.models import STREAMS, PredictionPath
from regard.training import expected_share, forward_batch, kept_share, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Batch, Map, ModelOutput, RegardError

EVERY_SAMPLES = (4, 12)
"""The paper's numbers of samples at test: 4 on CIFAR, 12 on CUB."""
LARGEST_BATCH = 256
_CPU_PIXELS = LARGEST_BATCH * 48 * 48
"""On a processor: more of them no longer fit its caches, and an image of 192 pixels takes three times as long."""
_DENSE_BATCH = 64
"""Images of a network that predicts every pixel, whose outputs are as large as the images."""
_SAMPLED_ROWS = 4
"""Images times samples in one forward are so many times the batch: bounds the memory."""

_MAP = "map in "
_COUNTS, _ANCHORS = "anchor counts", "anchors"
"""Names of columns: of the map, which has its unit behind it; of what is not of single images."""


@dataclass(frozen=True)
class Observation:
    """What a model made of a split of N images.

    Attributes:
        mean: probabilities by the declared prediction (N,n), or of the object at every pixel (N,1,H,W).
        path: that prediction.
        one: of one sampled map and latent, the channel that is priced (N,n); None where nothing is random, and where
            every pixel is predicted.
        averaged: probabilities averaged over so many samples (N,n), by their number; the fewer are the first ones of
            the more. Empty where `one` is None.
        streams: probabilities of each stream of a two-stream network by itself (N,n), by its name.
        rates: one-sample bits per image by name (N,): ``latent_bits``, ``gate_bits``, ``code_bits``; never to be added.
        gates: mean gate of every attended layer that has one, each (N,1,h,w).
        map: the map of the last attended layer (``model.shown``), which is evaluated; None without attention.
        distribution: mean and standard deviation of the last attended layer's map, each (N,1,h,w); None where it is not
            random.
        anchor_counts: how often each anchor is taken (Q,), last layer, one-sample maps; None without anchors.
        anchors: their values (Q,).
        kept: share of positions that the map leaves open (N,), averaged over layers; None where none can close.
        expected: the same of random maps, expected.
    """

    mean: Tensor
    path: PredictionPath = "mean"
    one: Tensor | None = None
    averaged: Mapping[int, Tensor] = field(default_factory=dict)
    streams: Mapping[str, Tensor] = field(default_factory=dict)
    rates: dict[str, Tensor] = field(default_factory=dict)
    gates: tuple[Tensor, ...] = ()
    map: Map | None = None
    distribution: tuple[Tensor, Tensor] | None = None
    anchor_counts: Tensor | None = None
    anchors: Tensor | None = None
    kept: Tensor | None = None
    expected: Tensor | None = None


def device_of(model: Any) -> torch.device:
    """Where a model's parameters are."""
    device: torch.device = next(model.parameters()).device
    return device


def max_batch_size(split: Split, device: torch.device | str = "cpu") -> int:
    """As many of the split's images as are fast together: 256, and fewer large ones on a processor."""
    if torch.device(device).type != "cpu" or not len(split):
        return LARGEST_BATCH
    height, width = split.batch([0]).size
    return max(1, min(LARGEST_BATCH, _CPU_PIXELS // (height * width)))


def pass_batch(model: Any, split: Split) -> int:
    """Images of a batch of `batches`: a pass that is cut at multiples of it has the same batches, and the same bits."""
    return _DENSE_BATCH if scoring_of(model).dense else max_batch_size(split, device_of(model))


def batches(model: Any, split: Split, index: Tensor | None = None) -> Iterator[tuple[Tensor, Batch]]:
    """(positions (B,), the items there on the model's device) over a split, or over the positions ``index`` of it.

    Of a model with frozen layers, these run once: what they make of the images is the batch's ``stem``.
    """
    device = device_of(model)
    for part in (torch.arange(len(split)) if index is None else index).split(pass_batch(model, split)):
        batch = split.batch(part).to(device)
        if getattr(model, "frozen_upto", None) is not None and batch.stem is None:
            with eval_mode(model):
                batch = replace(batch, stem=model.stem(batch.images))
        yield part, batch


def batch_of(images: Tensor, like: Batch | None = None) -> Batch:
    """Images of which nothing else is known; with the flow and the map of the only item of ``like``, as many times."""
    nothing = torch.zeros(len(images)).long()
    more = {name: None if like is None else getattr(like, name) for name in ("flow", "map_override")}
    shared = {name: None if x is None else x.expand(len(images), -1, -1, -1) for name, x in more.items()}
    return Batch(images=images, labels=nothing, index=nothing, **shared)


def forward(model: Any, batch: Batch, *, samples: int | None = None) -> Any:
    """The model's output as it predicts, or of sampled maps, in evaluation mode on its device, without gradients."""
    with eval_mode(model):
        return forward_batch(model, batch.to(device_of(model)), samples=samples)


def probabilities(model: Any, batch: Batch) -> Tensor:
    """The declared prediction (B,n) or (B,1,H,W), on the processor."""
    return scoring_of(model).probabilities(model, forward(model, batch)).float().cpu()


def observe(
    model: Any, split: Split, *, seed: int, samples: Sequence[int] = EVERY_SAMPLES, mean_only: bool = False
) -> Observation:
    """Runs a model of any task over N images; noise is a function of the seed and the batch, so a second pass is the
    same.

    Args:
        model: of any task.
        split: with maps where they are imposed (``regard.training.with_map_override``).
        seed: of maps and latents.
        samples: numbers of samples to average predictions over; layers behind the attention run once for each of the
            largest number, those before it once.
        mean_only: leave out all that is sampled, which halves the cost.
    """
    columns = observed_columns(model, split, seed=seed, samples=samples, mean_only=mean_only)
    return observation_of(model, columns, samples)


def observed_columns(
    model: Any,
    split: Split,
    index: Tensor | None = None,
    *,
    seed: int,
    samples: Sequence[int] = EVERY_SAMPLES,
    mean_only: bool = False,
) -> dict[str, Tensor]:
    """What `observe` sees of all images, or of those at positions ``index``, which begin at a multiple of `pass_batch`.

    A tensor of one row per image by name; besides how often anchors were taken, and their values.
    """
    scoring = scoring_of(model)
    columns: defaultdict[str, list[Tensor]] = defaultdict(list)
    counts, anchors = None, None
    rows = _SAMPLED_ROWS * max_batch_size(split, device_of(model))
    is_random = bool(model.at) or model.bottleneck is not None

    def add(**values: Tensor) -> None:
        for name, column in values.items():
            columns[name].append(column.float().cpu())

    with eval_mode(model):
        for part, batch in batches(model, split, index):
            output = forward_batch(model, batch)
            add(mean=scoring.probabilities(model, output), **kept_share(output))
            for name, logits in zip(STREAMS, getattr(output, "streams", ()), strict=False):
                add(**{f"stream {name}": ModelOutput(logits).probabilities(model.multi_label)})
            for layer, attention in enumerate(output.attention):
                if attention.unit == "gate":
                    add(**{f"gate {layer}": attention.map[0]})
            if output.attention:
                last = output.attention[-1]
                shown_map = model.shown(last)
                add(**{f"{_MAP}{shown_map.unit}": shown_map.values})
                if last.std is not None:
                    add(map_mean=last.mean, map_std=last.std)
            if mean_only or not is_random:
                continue
            seed_everything(seed, int(part[0]))
            one = forward_batch(model, batch, samples=1)
            add(**{name: nats / NATS_PER_BIT for name, nats in sampled_rates(model, one).items()})
            add(**expected_share(one))
            if not scoring.dense:
                add(one=scoring.probabilities(model, one), **_averaged(model, batch, samples, rows))
            last = one.attention[-1] if one.attention else None
            if last is not None and last.index is not None and last.anchors is not None:
                anchors = last.anchors.cpu()
                taken = anchor_counts(last.index.cpu(), len(anchors))
                counts = taken if counts is None else counts + taken
    values = {name: torch.cat(parts) for name, parts in columns.items()}
    taken_anchors = {} if counts is None or anchors is None else {_COUNTS: counts, _ANCHORS: anchors}
    return values | taken_anchors


def joined_columns(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Columns of several parts of a split, in their order."""
    values = {name: torch.cat([part[name] for part in parts]) for name in parts[0] if name not in (_COUNTS, _ANCHORS)}
    if _COUNTS in parts[0]:
        values[_COUNTS] = torch.stack([part[_COUNTS] for part in parts]).sum(0)
        values[_ANCHORS] = parts[0][_ANCHORS]
    return values


def observation_of(model: Any, values: Mapping[str, Tensor], samples: Sequence[int]) -> Observation:
    """The observation that `observed_columns` of a whole split are."""
    map = next((name for name in values if name.startswith(_MAP)), None)
    unit: Any = None if map is None else map.removeprefix(_MAP)
    return Observation(
        mean=values["mean"],
        path=model.prediction,
        one=values.get("one"),
        averaged={n: values[_averages(n)] for n in samples if _averages(n) in values},
        streams={name: values[f"stream {name}"] for name in STREAMS if f"stream {name}" in values},
        rates={name: values[name] for name in ("latent_bits", "gate_bits", "code_bits") if name in values},
        gates=tuple(values[f"gate {k}"] for k in range(len(model.at)) if f"gate {k}" in values),
        map=None if map is None else Map(values[map], unit),
        distribution=(values["map_mean"], values["map_std"]) if "map_std" in values else None,
        anchor_counts=values.get(_COUNTS),
        anchors=values.get(_ANCHORS),
        kept=values.get("kept_share"),
        expected=values.get("expected_share"),
    )


def observe_maps(model: Any, split: Split, index: Tensor | None = None) -> Map:
    """The maps of the last attended layer for every image (N,1,h,w), or for the positions ``index``; nothing else.

    Raises:
        RegardError: nothing is attended.
    """
    maps = []
    for _, batch in batches(model, split, index):
        output = forward(model, batch)
        if not output.attention:
            raise RegardError("maps: nothing is attended, so there is no map")
        maps.append(model.shown(output.attention[-1]))
    return Map(torch.cat([one.values.float().cpu() for one in maps]), maps[0].unit)


def _averages(samples: int) -> str:
    return f"averaged over {samples}"


def _averaged(model: Any, batch: Batch, samples: Sequence[int], rows: int) -> dict[str, Tensor]:
    """Probabilities (B,n) averaged over each number of samples, by its key; so many rows in one forward."""
    if not samples:
        return {}
    most = max(samples)
    parts = torch.arange(len(batch.images)).split(max(1, rows // most))
    outputs = [forward_batch(model, _items(batch, part), samples=most) for part in parts]
    return {
        _averages(n): torch.cat([replace(o, logits=o.logits[:n]).probabilities(model.multi_label) for o in outputs])
        for n in samples
    }


def _items(batch: Batch, part: Tensor) -> Batch:
    """Some of the items of a batch."""
    taken: dict[str, Any] = {name: x[part] for name, x in vars(batch).items() if isinstance(x, Tensor)}
    return replace(batch, **taken)
