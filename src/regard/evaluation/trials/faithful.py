"""Whether the prediction hangs on what the map marks: the least relevant removed first against the most relevant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split, spread
from regard.evaluation.trials.look import answer
from regard.metrics import Removal, controls, lerf_morf_gap
from regard.models import AttentiveClassifier, Segmenter
from regard.types import Batch, Map, Predict

STEPS = 12


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
    index = spread(len(split), images)
    own = Map(map.values[index], map.unit)
    random = controls.random_like(own, index=index, seed=seed)
    removal = Removal(steps=STEPS, baseline="mean", seed=seed, batch_size=64)
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
