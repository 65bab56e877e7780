"""Whether the map agrees with people's gaze on images that it was not aligned on, between two anchors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.data import DataSplits, Split, open_data
from regard.evaluation.entries import entry, reference
from regard.evaluation.people import NAMES, OBSERVERS, agreement, ceiling
from regard.gaze import Fixations, blur
from regard.metrics import controls
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.training import Recipe, show
from regard.types import Map

CENTRE = "centre prior of the training images"
_CHUNK = 64


def aligned_scores(
    recipe: Recipe,
    model: AttentiveClassifier | Segmenter | TwoStream,
    data: DataSplits,
    *,
    whose: str | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """NSS, AUC and CC of the last layer's map, on the test split of the set whose gaze the recipe names.

    Floors are the mean density of that set's training images, random maps of the map's bandwidth and another image's
    map; the ceiling is what people reach of each other, through the map's grid. Without ``align.gaze``, or where its
    set has none on test images, nothing. ``align.weight`` 0 aligns nothing and is judged all the same.

    Args:
        recipe: of the run.
        model: whose map is judged.
        data: the task's.
        whose: gaze, as ``align.gaze`` has it, by default what stands there.

    Returns:
        Rows of the table; and, where the images are the task's own, values an image (N,) by name.
    """
    a, whose = recipe.align, whose or recipe.align.gaze
    if whose is None:
        return [], {}
    if whose != "own":
        size = tuple(data.train.batch([0]).images.shape[-2:])
        data = open_data(whose, a.root, **{"size": size} | a.options)
    if data.gaze is None or data.train.batch([0]).fixations is None:
        return [], {}
    gaze, seed = data.gaze(), recipe.train.seed
    map = _maps(model, data.test)
    count = len(map.values)
    floors = {
        CENTRE: Map(_centre(data.train, gaze, a.sigma).expand(count, -1, -1, -1), "relevance"),
        "random, same bandwidth": controls.random_like(map, index=torch.arange(count), seed=seed),
        "another image's map": controls.permuted(map, seed=seed),
    }
    found = {name: agreement(judged, gaze) for name, judged in {"": map, **floors}.items()}
    limit = ceiling(gaze, (map.values.shape[-2], map.values.shape[-1]), seed)
    name = data.called(recipe.data.name if whose == "own" else whose)
    rows, arrays = [], {}
    for key, (label, meaning) in NAMES.items():
        rows.append(
            entry(
                key,
                "gaze",
                label,
                f"{meaning} On {count} test images of {name}.",
                found[""][key],
                better="higher",
                reasons={"nobody looked": torch.from_numpy(gaze.counts() == 0)},
                references=[
                    *(reference(other, "floor", found[other][key]) for other in floors),
                    reference(OBSERVERS, "ceiling", limit[key]),
                ],
                against=(CENTRE, found[CENTRE][key]),
            )
        )
        arrays[key] = found[""][key]
    return rows, arrays if whose == "own" else {}


def _maps(model: AttentiveClassifier | Segmenter | TwoStream, split: Split) -> Map:
    device = next(model.parameters()).device
    shown = [show(model, split.batch(part).to(device)) for part in torch.arange(len(split)).split(_CHUNK)]
    return Map(torch.cat([one.values.cpu() for one in shown]).float(), shown[0].unit)


def _centre(train: Split, gaze: Fixations, sigma: float) -> Tensor:
    """Density (1,1,H,W) of all fixations on the training images."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    total = torch.zeros(1, 1, *size, dtype=torch.float64)
    for part in torch.arange(len(train)).split(_CHUNK):
        points = train.batch(part).fixations
        assert points is not None
        total += blur(points.flatten(0, 1)[None].cpu(), size=size, sigma=sigma * size[1])
    return (total / total.sum()).float()
