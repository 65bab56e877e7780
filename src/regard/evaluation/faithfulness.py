"""Whether the prediction depends on what the map marks: pixels deleted and inserted in the map's order.

Everything is followed for the predicted class; of a network that predicts masks, for its probability of object averaged
over the pixels, each weighing as much as it was object before anything was removed. Of clips the image loses pixels and
the flow stays; an imposed map stays that of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns, Value
from regard.evaluation.observe import batch_of, device_of, max_batch_size, probabilities
from regard.evaluation.rows import RANDOM
from regard.evaluation.tasks import scoring_of
from regard.metrics import BASELINES, Baseline, Curve, Gap, Removal, controls, insertion, lerf_morf_gap
from regard.metrics import faithfulness as metrics
from regard.report import MeanCurve
from regard.types import Batch, Map, Predict

_Measured = TypeVar("_Measured", Curve, Gap)
_IMAGES, _FEWER, _STEPS = 500, 64, 12
"""Images for deletion by the mean colour; for every other removal, which would else take most of an evaluation; points
of a curve."""


def removed(
    metric: Callable[..., _Measured], model: Any, split: Split, index: Tensor, map: Map, removal: Removal
) -> _Measured:
    """``metric(predict, images, map, classes, removal=removal)`` of the items ``index``, whose maps ``map`` has.

    One item at a time where the network also takes flow or a map, or what is followed depends on the item, as a metric
    predicts changed copies of images in an order of its own.
    """
    parts = []
    for rows, images, predict, classes in _followed(model, split, index):
        own = Map(map.values[rows], map.unit)
        parts.append(metric(predict, images, own, classes, removal=removal))
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


def _removal(context: EvaluationContext, baseline: Baseline) -> Removal:
    size = max_batch_size(context.split, context.device)
    return Removal(steps=_STEPS, baseline=baseline, seed=context.seed, batch_size=size)


def deletion_gap(context: EvaluationContext, images: int = _IMAGES) -> Columns:
    """LeRF minus MoRF, mean colour, of some maps and of random ones as smooth; nothing without a map."""
    if context.map is None:
        return Columns()
    own, random = _mean_colour_gaps(context, context.map, context.subset(images))
    return Columns({"deletion_gap": own, "deletion_gap_random": random})


def faithful(context: EvaluationContext, map: Map, *, images: int) -> dict[str, Float[Tensor, " N"]]:
    """``faithfulness`` (LeRF minus MoRF, mean colour) and ``faithfulness_random``, of random maps as smooth.

    Of so many images, evenly spread over the split, of maps (N,1,h,w); NaN of the others.
    """
    index, out = context.subset(images), {}
    gaps = _mean_colour_gaps(context, map, index)
    for name, gap in zip(("faithfulness", "faithfulness_random"), gaps, strict=True):
        out[name] = torch.full((len(context.split),), torch.nan)
        out[name][index] = gap.float()
    return out


def _mean_colour_gaps(context: EvaluationContext, map: Map, index: Tensor) -> tuple[Tensor, Tensor]:
    """Of the maps of the items ``index``, and of random maps with their bandwidth and values."""
    own, how = Map(map.values[index], map.unit), _removal(context, "mean")
    random = controls.random_like(own, index=index, seed=context.seed)
    gap, floor = (removed(lerf_morf_gap, context.model, context.split, index, m, how).gap for m in (own, random))
    return gap, floor


def removal(context: EvaluationContext) -> Columns:
    """LeRF minus MoRF with every imputation, deletion and insertion areas and curves, beside random maps as smooth.

    Deletion by the mean colour of 500 images, the others of 64.
    """
    index, few = context.subset(_IMAGES), context.subset(_FEWER)
    if context.map is None:
        return Columns()
    values: dict[str, Value] = {}
    floors: dict[str, Value] = {}
    reasons: dict[str, Mapping[str, Tensor]] = {}

    def measured(metric: Callable[..., _Measured], baseline: Baseline, part: Tensor) -> tuple[_Measured, _Measured]:
        own, how = _map_of(context, part), _removal(context, baseline)
        random = controls.random_like(own, index=part, seed=context.seed)
        mine, other = (removed(metric, context.model, context.split, part, map, how) for map in (own, random))
        return mine, other

    def keep(name: str, mine: Tensor, other: Tensor, part: Tensor) -> None:
        values[name], floors[name] = mine, other
        reasons[name] = metrics.map_conditions(_map_of(context, part))

    gap, random_gap = measured(lerf_morf_gap, "mean", index)
    keep("lerf_morf_mean", gap.gap, random_gap.gap, index)
    keep("deletion", gap.morf.area, random_gap.morf.area, index)
    back, random_back = measured(insertion, "mean", few)
    keep("insertion", back.area, random_back.area, few)
    for baseline in BASELINES:
        if baseline != "mean":
            other, random_other = measured(lerf_morf_gap, baseline, few)
            keep(f"lerf_morf_{baseline}", other.gap, random_other.gap, few)
    curves = {
        "deletion": _curve("Deletion, most relevant first", {"map": gap.morf, RANDOM: random_gap.morf}),
        "insertion": _curve("Insertion, most relevant first", {"map": back, RANDOM: random_back}),
    }
    return Columns(
        values,
        (ReferenceColumns(RANDOM, "floor", floors),),
        reasons=reasons,
        details={"images": len(index), "fewer": len(few)},
        parts={"curves": curves},
    )


def _map_of(context: EvaluationContext, index: Tensor) -> Map:
    assert context.map is not None
    return Map(context.map.values[index], context.map.unit)


def _curve(label: str, series: dict[str, Curve]) -> MeanCurve:
    """Mean curves on one grid of fractions, since tie groups give every image fractions of its own."""
    x = np.linspace(0, 1, _STEPS + 1)
    means = {
        name: np.mean([np.interp(x, f, p) for f, p in zip(c.fractions, c.probabilities, strict=True)], axis=0)
        for name, c in series.items()
    }
    return MeanCurve(label, tuple(x.tolist()), {name: tuple(y.tolist()) for name, y in means.items()})
