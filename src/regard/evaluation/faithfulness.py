"""Whether the prediction depends on what the map marks: pixels deleted and inserted in the map's order.

Everything is followed for the predicted class; of a network that predicts masks, for its probability of object averaged
over the pixels, each weighing as much as it was object before anything was removed. Of clips the image loses pixels and
the flow stays; an imposed map stays that of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns, Value
from regard.evaluation.observe import batch_of, device_of, max_batch_size, probabilities
from regard.evaluation.rows import RANDOM
from regard.evaluation.tasks import scoring_of
from regard.metrics import BASELINES, Baseline, Curve, Gap, Removal, controls, lerf_morf_gap
from regard.metrics import faithfulness as metrics
from regard.report import MeanCurve
from regard.types import Batch, Map, Predict

_IMAGES, _FEWER, _STEPS = 500, 32, 12
"""Images for removal by the mean colour; for the other imputations, which would else take most of an evaluation; points
of a curve."""


def removed(model: Any, split: Split, index: Tensor, map: Map, removal: Removal) -> Gap:
    """`lerf_morf_gap` of the items ``index``, whose maps ``map`` has.

    One item at a time where the network also takes flow or a map, or what is followed depends on the item, as a metric
    predicts changed copies of images in an order of its own.
    """
    parts = []
    for rows, images, predict, classes in _followed(model, split, index):
        own = Map(map.values[rows], map.unit)
        parts.append(lerf_morf_gap(predict, images, own, classes, removal=removal))
    return _joined(parts)


def _followed(model: Any, split: Split, index: Tensor) -> Iterator[tuple[Tensor, Tensor, Predict, Tensor]]:
    """Rows of ``index``, their images, what is followed, and which class of it."""
    first = split.batch(index[:1])
    dense = scoring_of(model).dense
    alone = dense or first.flow is not None or first.map_override is not None
    for rows in torch.arange(len(index)).split(1 if alone else max(len(index), 1)):
        batch = split.batch(index[rows])
        images = batch.images.cpu()
        predict = _object(model, batch) if dense else _classes(model, batch if alone else None)
        size = max_batch_size(split, device_of(model))
        yield rows, images, predict, torch.cat([predict(part).argmax(1) for part in images.split(size)])


def _classes(model: Any, like: Batch | None) -> Predict:
    """Probabilities of the classes."""
    return lambda images: probabilities(model, batch_of(images, like))


def _object(model: Any, batch: Batch) -> Predict:
    """How much of what was predicted as object still is."""
    before = probabilities(model, batch)

    def share(images: Tensor) -> Tensor:
        after = probabilities(model, batch_of(images, batch))
        return ((after * before).flatten(1).sum(1) / before.sum().clamp_min(1e-12))[:, None]

    return share


def _joined(parts: list[Any]) -> Any:
    """Per-image values of several results behind each other, however deep they lie."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return type(parts[0])(**{name: _joined([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def deletion_gap(context: EvaluationContext, images: int = _IMAGES) -> Columns:
    """LeRF minus MoRF, mean colour, of some maps and of random ones as smooth; nothing without a map."""
    if context.map is None:
        return Columns()
    own, random = _gaps(context, context.map, context.subset(images), "mean")
    return Columns({"deletion_gap": own.gap, "deletion_gap_random": random.gap})


def faithful(context: EvaluationContext, map: Map, *, images: int) -> dict[str, Float[Tensor, " N"]]:
    """``faithfulness`` (LeRF minus MoRF, mean colour) and ``faithfulness_random``, of random maps as smooth.

    Of so many images, evenly spread over the split, of maps (N,1,h,w); NaN of the others.
    """
    index, out = context.subset(images), {}
    gaps = _gaps(context, map, index, "mean")
    for name, gap in zip(("faithfulness", "faithfulness_random"), gaps, strict=True):
        out[name] = torch.full((len(context.split),), torch.nan)
        out[name][index] = gap.gap.float()
    return out


def _gaps(context: EvaluationContext, map: Map, index: Tensor, baseline: Baseline) -> tuple[Gap, Gap]:
    """Of the maps of the items ``index``, and of random maps with their bandwidth and values."""
    own, size = Map(map.values[index], map.unit), max_batch_size(context.split, context.device)
    how = Removal(steps=_STEPS, baseline=baseline, seed=context.seed, batch_size=size)
    random = controls.random_like(own, index=index, seed=context.seed)
    gap, floor = (removed(context.model, context.split, index, m, how) for m in (own, random))
    return gap, floor


def removal(context: EvaluationContext) -> Columns:
    """LeRF minus MoRF with every imputation, deletion and insertion areas and curves, beside random maps as smooth.

    Deletion and insertion by the mean colour of 500 images, the other imputations of 32.
    """
    if (map := context.map) is None:
        return Columns()
    index, few = context.subset(_IMAGES), context.subset(_FEWER)
    gap, floor = _gaps(context, map, index, "mean")
    values: dict[str, Value] = {"deletion": gap.morf.area, "insertion": gap.lerf.area, "lerf_morf_mean": gap.gap}
    floors: dict[str, Value] = {"deletion": floor.morf.area, "insertion": floor.lerf.area, "lerf_morf_mean": floor.gap}
    unusual = metrics.map_conditions(map)
    reasons = {name: {why: where[index] for why, where in unusual.items()} for name in values}
    for baseline in BASELINES:
        if baseline != "mean":
            name = f"lerf_morf_{baseline}"
            values[name], floors[name] = (each.gap for each in _gaps(context, map, few, baseline))
            reasons[name] = {why: where[few] for why, where in unusual.items()}
    back, random_back = _insertion(gap.lerf), _insertion(floor.lerf)
    curves = {
        "deletion": _curve("Deletion, most relevant first", {"map": gap.morf, RANDOM: floor.morf}),
        "insertion": _curve("Insertion, most relevant first", {"map": back, RANDOM: random_back}),
    }
    return Columns(
        values,
        (ReferenceColumns(RANDOM, "floor", floors),),
        reasons=reasons,
        details={"images": len(index), "fewer": len(few)},
        parts={"curves": curves},
    )


def _insertion(lerf: Curve) -> Curve:
    """Restoring the most relevant pixels first goes through the images of removing the least relevant first, backwards:
    its area is the same.
    """
    return Curve(1 - lerf.fractions.flip(1), lerf.probabilities.flip(1), lerf.area)


def _curve(label: str, series: dict[str, Curve]) -> MeanCurve:
    """Mean curves on one grid of fractions, since tie groups give every image fractions of its own."""
    x = np.linspace(0, 1, _STEPS + 1)
    means = {
        name: np.mean([np.interp(x, f, p) for f, p in zip(c.fractions, c.probabilities, strict=True)], axis=0)
        for name, c in series.items()
    }
    return MeanCurve(label, tuple(x.tolist()), {name: tuple(y.tolist()) for name, y in means.items()})
