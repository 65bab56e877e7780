"""One pass over a split: how well each image is done, the map, and the bits that the map let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.backbones import looking
from regard.data import Split
from regard.metrics import accuracy
from regard.metrics.salient_object import all_scores, s_measure
from regard.models import Segmenter
from regard.training import sampled_rates, seed_everything
from regard.training.measure import ask
from regard.types import NATS_PER_BIT, Batch, Map, RegardError, Unit

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
    with looking(model):
        return ask(model, batch.to(next(model.parameters()).device), samples=samples)


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
