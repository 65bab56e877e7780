"""Whether the prediction depends on what the map marks: pixels deleted and inserted in the map's order.

A metric of maps on a batch, also where each image comes with a map that the network must be given.

Whether the prediction hangs on what the map marks: the least relevant removed first against the most relevant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split, evenly_spaced
from regard.evaluation.entries import entry, reference
from regard.evaluation.observe import Observation, answer, images_at_once
from regard.metrics import BASELINES, Curve, Gap, Removal, controls, faithfulness, insertion, lerf_morf_gap
from regard.models import AttentiveClassifier, Segmenter
from regard.types import Batch, Map, Predict

_Measured = TypeVar("_Measured", Curve, Gap)


def judged(
    metric: Callable[..., _Measured],
    model: AttentiveClassifier,
    batch: Batch,
    map: Map,
    classes: Tensor,
    removal: Removal,
) -> _Measured:
    """``metric(predict, images, map, classes, removal=removal)``, one image at a time where maps are given: a metric
    asks about changed copies of images in an order of its own, and every copy needs its image's map.
    """
    device = next(model.parameters()).device

    def predict_with(given: Tensor | None) -> Callable[[Tensor], Tensor]:
        return lambda x: model.predict(x.to(device), map_override=given).cpu()

    if batch.map_override is None:
        return metric(predict_with(None), batch.images, map, classes, removal=removal)
    parts = []
    for i in range(len(batch.images)):
        one = slice(i, i + 1)
        predict = predict_with(batch.map_override[one].to(device))
        own = Map(map.values[one], map.unit)
        parts.append(metric(predict, batch.images[one], own, classes[one], removal=removal))
    return _joined(parts)


def _joined(parts: list[Any]) -> Any:
    """Per-image values of several results behind each other, however deep they lie."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return type(parts[0])(**{name: _joined([getattr(part, name) for part in parts]) for name in vars(parts[0])})


_IMAGES = 48
_STEPS = 12
_BASELINE_NAMES = {"mean": "mean colour", "blur": "blurred image", "noisy_linear": "noisy linear imputation"}


def faithfulness_scores(
    model: AttentiveClassifier, split: Split, seen: Observation, *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the table, and the curves; of ``IMAGES`` images of the split, beside random maps of their bandwidth."""
    if seen.map is None:
        return [], {}
    index = evenly_spaced(len(split), _IMAGES)
    batch = split.batch(index)
    classes = seen.mean[index].argmax(1)
    own = Map(seen.map.values[index], seen.map.unit)
    maps = {"map": own, "random, same bandwidth": controls.random_like(own, index=index, seed=seed)}
    at_once = images_at_once(split, next(model.parameters()).device)
    rows, curves = [], {}
    for baseline in BASELINES:
        removal = Removal(steps=_STEPS, baseline=baseline, seed=seed, batch_size=at_once)
        gaps = {name: judged(lerf_morf_gap, model, batch, m, classes, removal) for name, m in maps.items()}
        mine, random = gaps.values()
        rows.append(
            entry(
                f"lerf_morf_{baseline}",
                "faithfulness",
                f"LeRF minus MoRF, {_BASELINE_NAMES[baseline]}",
                f"Area between removing least and most relevant pixels first; {len(index)} images.",
                mine.gap,
                better="higher",
                reasons=faithfulness.undefined(own),
                references=[reference("random, same bandwidth", "floor", random.gap)],
                against=("random, same bandwidth", random.gap),
            )
        )
        if baseline == "mean":
            curves["deletion"] = _curve("Deletion, most relevant first", {k: g.morf for k, g in gaps.items()})
            found = {name: judged(insertion, model, batch, m, classes, removal) for name, m in maps.items()}
            curves["insertion"] = _curve("Insertion, most relevant first", found)
            for name, label, better, areas in (
                ("deletion", "Deletion area", "lower", [g.morf.area for g in gaps.values()]),
                ("insertion", "Insertion area", "higher", [c.area for c in found.values()]),
            ):
                rows.append(
                    entry(
                        name,
                        "faithfulness",
                        label,
                        f"Area under the class's probability while pixels leave or return; {len(index)} images.",
                        areas[0],
                        better=better,  # type: ignore[arg-type]
                        reasons=faithfulness.undefined(own),
                        references=[reference("random, same bandwidth", "floor", areas[1])],
                        against=("random, same bandwidth", areas[1]),
                    )
                )
    return rows, curves


def _curve(label: str, series: dict[str, Curve]) -> dict[str, Any]:
    """Mean curves on one grid of fractions, since tie groups give every image fractions of its own."""
    x = np.linspace(0, 1, _STEPS + 1)
    means = {
        name: np.mean([np.interp(x, f, p) for f, p in zip(c.fractions, c.probabilities, strict=True)], axis=0)
        for name, c in series.items()
    }
    return {"label": label, "x": x.tolist(), "series": {name: y.tolist() for name, y in means.items()}}


def faithful(model: Any, split: Split, map: Map, *, images: int, seed: int) -> dict[str, Float[Tensor, " N"]]:
    """``faithfulness`` (LeRF minus MoRF, mean colour) and ``faithfulness_random``, of random maps as smooth.

    Of so many images, evenly spread over the split; NaN of the others. What is followed is the probability of the
    predicted class; of a segmenter, its probability of object averaged over the pixels, each weighing as much as it
    was object before anything was removed. Of clips the image loses pixels, the flow stays.

    Args:
        model: whose map it is.
        split: N images.
        map: of all of them (N,1,h,w).
        images: how many are asked about.
        seed: of random maps.
    """
    index = evenly_spaced(len(split), images)
    own = Map(map.values[index], map.unit)
    random = controls.random_like(own, index=index, seed=seed)
    removal = Removal(steps=_STEPS, baseline="mean", seed=seed, batch_size=64)
    gaps: dict[str, list[Tensor]] = {"faithfulness": [], "faithfulness_random": []}
    for rows, shown, predict, classes in _asked(model, split, index):
        for name, judged in (("faithfulness", own), ("faithfulness_random", random)):
            part = Map(judged.values[rows], judged.unit)
            gaps[name].append(lerf_morf_gap(predict, shown, part, classes, removal=removal).gap.float())
    out = {name: torch.full((len(split),), torch.nan) for name in gaps}
    for name, parts in gaps.items():
        out[name][index] = torch.cat(parts)
    return out


def _asked(model: Any, split: Split, index: Tensor) -> Iterator[tuple[Tensor, Tensor, Predict, Tensor]]:
    """Rows of ``index``, their images, what is followed, and which class of it; one by one where an image is not all
    that the network is shown, or what is followed is a matter of the image.
    """
    alone = not isinstance(model, AttentiveClassifier)
    for rows in torch.arange(len(index)).split(1 if alone else max(len(index), 1)):
        batch = split.batch(index[rows])
        shown = batch.images.cpu()
        predict = _object(model, batch) if isinstance(model, Segmenter) else _classes(model, batch)
        yield rows, shown, predict, torch.cat([predict(part).argmax(1) for part in shown.split(64)])


def _classes(model: Any, batch: Batch) -> Predict:
    """Probabilities of the classes."""

    def probabilities(x: Tensor) -> Tensor:
        found: Tensor = answer(model, _instead(batch, x)).probabilities(model.multi_label).cpu()
        return found

    return probabilities


def _object(model: Segmenter, batch: Batch) -> Predict:
    """How much of what was object is still said to be."""
    before = answer(model, batch).probabilities.cpu()

    def share(x: Tensor) -> Tensor:
        after = answer(model, _instead(batch, x)).probabilities.cpu()
        return ((after * before).flatten(1).sum(1) / before.sum().clamp_min(1e-12))[:, None]

    return share


def _instead(batch: Batch, x: Tensor) -> Batch:
    """Changed images of a batch, with the flow of its only item where there is one."""
    flow = None if batch.flow is None else batch.flow.expand(len(x), -1, -1, -1)
    return Batch(images=x, labels=torch.zeros(len(x)).long(), index=torch.zeros(len(x)).long(), flow=flow)
