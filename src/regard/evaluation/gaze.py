"""Whether the map agrees with where people look, between what knows nothing of the image and other people.

Information gain says how much of it: maps of training images are read as densities, and those of test images so read
gain bits per fixation over the centre prior (`regard.evaluation.gaze_similarity`).

NSS, AUC and CC are taken on the images' pixels; the standard deviation of densities is `regard.gaze.SIGMA` times the
width. The ceiling is one viewing predicted by the others (NSS, AUC) and what the true density would score (CC), taken
through the map's grid (`regard.evaluation.gaze_ceilings`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import DataSplits, Split, evenly_spaced
from regard.evaluation.box_prior import box_prior, on_boxes
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns
from regard.evaluation.gaze_ceilings import ceilings
from regard.evaluation.gaze_similarity import gaze_information, train_gaze
from regard.evaluation.localization import boxed_floors, split_parts
from regard.evaluation.observe import observe_maps
from regard.evaluation.rows import ANOTHER, BOX_PRIOR, CENTRE_PRIOR, OBSERVERS, RANDOM
from regard.gaze import SIGMA, Fixations, blur, density
from regard.metrics import controls
from regard.metrics.fixation import auc, cc, nss
from regard.training import open_beside
from regard.types import Map

_KEYS = ("gaze_nss", "gaze_auc", "gaze_cc")
INFORMATION = "gaze_ig"
CALIBRATED = 256
"""Training images that say how a network's maps are read as densities."""
_CHUNK = 32


def gaze(context: EvaluationContext) -> Columns:
    """Agreement with people's gaze, beside floors that know the object's box alone; nothing without gaze and boxes.

    Where all fixations lie in the box, as in CUB-GHA, a map that knows the box alone scores well.
    """
    annotations = split_parts(context.split)
    if annotations is None or context.data.gaze is None or context.map is None:
        return Columns()
    table, prior = context.data.gaze(), box_prior(context.data.train)
    columns = score_boxed_gaze(context.map, table, annotations[1], prior, seed=context.seed)
    return _with_information(columns, context, context.map, table, context.data)


def score_boxed_gaze(
    map: Map,
    gaze: Fixations,
    boxes: Float[Tensor, "N 4"],
    prior: Float[Tensor, "1 1 G G"] | None = None,
    *,
    seed: int,
) -> Columns:
    """`gaze` of maps (N,1,h,w), one per image of ``gaze``, in its order; boxes in pixels of these images.

    ``prior`` is the `box_prior` of training images, a floor; None without it.
    """
    height, width = (int(side) for side in gaze.sizes[0])
    floors = boxed_floors(map, boxes, (height, width), seed=seed)
    if prior is not None:
        grid = (map.values.shape[-2], map.values.shape[-1])
        floors = {BOX_PRIOR: Map(on_boxes(prior, boxes, (height, width)), "relevance").resize(grid), **floors}
    return _agreement_columns(map, gaze, floors, seed=seed, where="")


def aligned_gaze(context: EvaluationContext) -> Columns:
    """Agreement of the last layer's map with gaze, on the test split of the set whose gaze the recipe names.

    Floors are the mean density of that set's training images, random maps of the map's bandwidth and another image's
    map. Without ``align.gaze``, or where its set has none on test images, nothing, but on clips their own gaze.
    ``align.weight`` 0 aligns nothing and is evaluated all the same.
    """
    recipe, data = context.recipe, context.data
    if recipe is None or context.observation.map is None:
        return Columns()
    a = recipe.align
    gaze_set = a.gaze or ("own" if context.observation.streams else None)
    if gaze_set is None:
        return Columns()
    if gaze_set != "own":
        data = open_beside(gaze_set, a.root, a.options, data)
    if data.gaze is None or data.train.batch([0]).fixations is None:
        return Columns()
    gaze, seed = data.gaze(), context.seed
    map = context.observation.map if gaze_set == "own" else observe_maps(context.model, data.test)
    count = len(map.values)
    center = Map(_centre_prior(data.train, gaze, a.sigma).expand(count, -1, -1, -1), "relevance")
    floors = {
        CENTRE_PRIOR: center,
        RANDOM: controls.random_like(map, index=torch.arange(count), seed=seed),
        ANOTHER: controls.permuted(map, seed=seed),
    }
    name = data.called(recipe.data.name if gaze_set == "own" else gaze_set)
    where = f" On {count} test images of {name}."
    columns = replace(_agreement_columns(map, gaze, floors, seed=seed, where=where), other_items=gaze_set != "own")
    return _with_information(columns, context, map, gaze, data)


def _with_information(
    columns: Columns, context: EvaluationContext, map: Map, gaze: Fixations, data: DataSplits
) -> Columns:
    """The columns with information gain, where maps of training images can be made and say something of where."""
    flat = map.values.flatten(1)
    constant = bool((flat.amax(1) == flat.amin(1)).all())
    if context.model is None or constant or data.train.batch([0]).fixations is None:
        return columns
    train = train_gaze(data.train, sigma=SIGMA)
    index = train.with_gaze[evenly_spaced(len(train.with_gaze), CALIBRATED)]
    learned = context.map_of(data.train, index)
    assert learned is not None, "there is a map of test images"
    bits = gaze_information(map, gaze, learned, data.train, index, train, sigma=SIGMA, seed=context.seed)
    references = {RANDOM: "ig_random", CENTRE_PRIOR: "ig_center", OBSERVERS: "ig_observers"}
    beside = tuple(
        ReferenceColumns(label, "ceiling" if label == OBSERVERS else "floor", {INFORMATION: bits[name]})
        for label, name in references.items()
        if name in bits
    )
    return replace(
        columns,
        values={**columns.values, INFORMATION: bits["ig"]},
        references=(*columns.references, *beside),
        reasons={**columns.reasons, INFORMATION: {"nobody looked": torch.from_numpy(gaze.counts() == 0)}},
        details={**columns.details, "calibrated": len(index)},
    )


def _agreement_columns(map: Map, gaze: Fixations, floors: dict[str, Map], *, seed: int, where: str) -> Columns:
    references = [ReferenceColumns(label, "floor", agreement(floor, gaze)) for label, floor in floors.items()]
    limit = ceiling(gaze, (map.values.shape[-2], map.values.shape[-1]), seed)
    nobody = {"nobody looked": torch.from_numpy(gaze.counts() == 0)}
    return Columns(
        agreement(map, gaze),
        (*references, ReferenceColumns(OBSERVERS, "ceiling", limit)),
        reasons=dict.fromkeys(_KEYS, nobody),
        details={"where": where},
    )


def agreement(map: Map, gaze: Fixations) -> dict[str, Tensor]:
    """NSS, AUC and CC per image (N,) by `_KEYS`, NaN where nobody looked."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    parts: dict[str, list[Tensor]] = {name: [] for name in _KEYS}
    points = gaze.points()
    for index in torch.arange(len(map.values)).split(_CHUNK):
        own = Map(map.values[index], map.unit).resize(size).values.double()
        here = points[index]
        gold = density(here, size=size, sigma=SIGMA * size[1])
        looked = ~here.isnan().all(-1).all(-1)
        correlation = torch.full((len(index),), torch.nan, dtype=torch.float64)
        correlation[looked] = cc(own[looked], gold[looked])
        for name, values in (("gaze_nss", nss(own, here)), ("gaze_auc", auc(own, here)), ("gaze_cc", correlation)):
            parts[name].append(values)
    return {name: torch.cat(values) for name, values in parts.items()}


def ceiling(gaze: Fixations, grid: tuple[int, int], seed: int) -> dict[str, Tensor]:
    """`ceilings` by `_KEYS`."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    limits = ceilings(gaze, grid, sigma=SIGMA * size[1], seed=seed)
    nothing = torch.full((len(gaze.images),), torch.nan, dtype=torch.float64)
    return {name: limits.get(name.removeprefix("gaze_"), nothing) for name in _KEYS}


def _centre_prior(train: Split, gaze: Fixations, sigma: float) -> Tensor:
    """Density (1,1,H,W) of all fixations on the training images."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    total = torch.zeros(1, 1, *size, dtype=torch.float64)
    for part in torch.arange(len(train)).split(64):
        points = train.batch(part).fixations
        assert points is not None
        total += blur(points.flatten(0, 1)[None].cpu(), size=size, sigma=sigma * size[1])
    return (total / total.sum()).float()
