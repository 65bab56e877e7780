"""Whether the map agrees with where people look, between knowing the box alone and what people reach of each other.

Whether the map agrees with people's gaze on images that it was not aligned on, between two anchors.

How close a map comes to where people look, image by image, with floors and ceiling on the map's own grid.

How much a network's maps say of where people look, in bits a fixation beyond the centre prior.

No map is a density by itself, and dividing it by its sum leaves the contrast to chance. The maps of some training
images therefore say how this network's maps are read (blur, a monotone curve, how much centre), and that is held
against people on test images.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data import DataSplits, Split, cached, open_data
from regard.evaluation.box_baselines import CENTRE, boxed_floors
from regard.evaluation.entries import entry, reference
from regard.gaze import (
    Fixations,
    blur,
    density,
    leave_one_observer_out,
    mix_uniform,
    observers_information,
    split_half,
    through_grid,
)
from regard.metrics import controls
from regard.metrics.fixation import Calibration, all_scores, auc, calibrate, calibration_grid, cc, information_gain, nss
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.training import Recipe, explain_batch
from regard.types import Map, RegardError

_NAMES = {
    "gaze_nss": ("Map at people's fixations (NSS)", "Mean of the standardised map at the fixated pixels."),
    "gaze_auc": ("Fixated against other pixels (AUC)", "Chance that the map is higher at a fixated than at any pixel."),
    "gaze_cc": ("Correlation with people's map (CC)", "Correlation of the map with the density of all fixations."),
}
OBSERVERS = "viewings of each other"
_CHUNK = 32


def gaze_scores(
    map: Map, gaze: Fixations, boxes: Float[Tensor, "N 4"], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """NSS, AUC and CC on the images' pixels, and values an image by name (N,), floors and ceiling as ``name/other``.

    Where all fixations lie in the object's box, as in CUB-GHA, a map that knows the box alone scores well: floors are
    of that kind. The ceiling is one viewing predicted by the others (NSS, AUC) and one half by the other (CC), taken
    through the map's grid. Densities have a standard deviation of 1/27 of the width.

    Args:
        map: (N,1,h,w), one an image of ``gaze``, in its order.
        gaze: fixations on images of one size.
        boxes: of the object, in pixels of these images.
        seed: decides another image's map and the halvings.
    """
    height, width = (int(side) for side in gaze.sizes[0])
    floors = boxed_floors(map, boxes, (height, width), seed=seed)
    found = {name: agreement(judged, gaze) for name, judged in {"": map, **floors}.items()}
    limit = ceiling(gaze, (map.values.shape[-2], map.values.shape[-1]), seed)
    reasons = {"nobody looked": torch.from_numpy(gaze.counts() == 0)}
    rows, arrays = [], {}
    for key, (label, meaning) in _NAMES.items():
        beside = {name: found[name][key] for name in floors}
        rows.append(
            entry(
                key,
                "gaze",
                label,
                meaning,
                found[""][key],
                better="higher",
                reasons=reasons,
                references=[
                    *(reference(name, "floor", values) for name, values in beside.items()),
                    reference(OBSERVERS, "ceiling", limit[key]),
                ],
                against=(CENTRE, beside[CENTRE]),
            )
        )
        arrays[key] = found[""][key]
        arrays |= {f"{key}/{name}": values for name, values in (beside | {OBSERVERS: limit[key]}).items()}
    return rows, arrays


def agreement(map: Map, gaze: Fixations) -> dict[str, Tensor]:
    """NSS, AUC and CC an image (N,) by the keys of `_NAMES`, NaN where nobody looked."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    parts: dict[str, list[Tensor]] = {name: [] for name in _NAMES}
    points = gaze.points()
    for index in torch.arange(len(map.values)).split(_CHUNK):
        own = Map(map.values[index], map.unit).resize(size).values.double()
        here = points[index]
        gold = density(here, size=size, sigma=_sigma(size))
        looked = ~here.isnan().all(-1).all(-1)
        correlation = torch.full((len(index),), torch.nan, dtype=torch.float64)
        correlation[looked] = cc(own[looked], gold[looked])
        for name, values in (("gaze_nss", nss(own, here)), ("gaze_auc", auc(own, here)), ("gaze_cc", correlation)):
            parts[name].append(values)
    return {name: torch.cat(values) for name, values in parts.items()}


def _sigma(size: tuple[int, int]) -> float:
    return size[1] / 27


def ceiling(gaze: Fixations, grid: tuple[int, int], seed: int) -> dict[str, Tensor]:
    """`ceilings` by the keys of `_NAMES`."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    found = ceilings(gaze, grid, sigma=_sigma(size), seed=seed)
    nothing = torch.full((len(gaze.images),), torch.nan, dtype=torch.float64)
    return {name: found.get(name.removeprefix("gaze_"), nothing) for name in _NAMES}


def ceilings(gaze: Fixations, grid: tuple[int, int], *, sigma: float, seed: int) -> dict[str, Tensor]:
    """What people reach of each other through a grid: AUC, sAUC, NSS of one by the others, CC, SIM, KL half by half.

    A function of the fixations and the grid, not of any model: kept once made. Empty where no image has two observers.

    Args:
        gaze: on images of one size.
        grid: (h, w) of the judged map.
        sigma: of densities, pixels of the image.
        seed: of halvings.
    """
    if not (np.bincount(np.unique(np.stack([gaze.image, gaze.subject]), axis=1)[0]) > 1).any():
        return {}

    def make() -> dict[str, Tensor]:
        one = leave_one_observer_out(gaze, sigma=sigma, grid=grid, seed=seed).values
        return one | split_half(gaze, sigma=sigma, grid=grid, seed=seed).values

    return cached("gaze-ceiling", f"2 {_digest(gaze)} {grid} {sigma} {seed}", make)


def information_ceiling(
    gaze: Fixations, grid: tuple[int, int], prior: Float[Tensor, "1 1 H W"], *, sigma: float
) -> Float[Tensor, " N"] | None:
    """What the others say of where one looks, through a grid: bits a fixation over ``prior``; kept as `ceilings` are.

    NaN for images with fewer than two observers; None where no image has two.
    """
    several = [b for b in range(len(gaze.images)) if len(np.unique(gaze.subject[gaze.image == b])) > 1]
    if not several:
        return None

    def make() -> dict[str, Tensor]:
        found = torch.full((len(gaze.images),), torch.nan, dtype=torch.float64)
        for b in several:
            here = gaze.image == b
            xy = torch.from_numpy(np.stack([gaze.x[here], gaze.y[here]], 1)).double()
            who = torch.from_numpy(gaze.subject[here].astype(np.int64))
            found[b] = observers_information(xy, who, prior, sigma=sigma, grid=grid)
        return {"ig": found}

    known = hashlib.sha256(prior.numpy().tobytes()).hexdigest()
    return cached("gaze-information", f"1 {_digest(gaze)} {known} {grid} {sigma}", make)["ig"]


def _digest(gaze: Fixations) -> str:
    digest = hashlib.sha256(repr((gaze.sizes.tolist(), gaze.images)).encode())
    for column in (gaze.image, gaze.subject, gaze.x, gaze.y):
        digest.update(column.tobytes())
    return digest.hexdigest()


CENTER_PRIOR = "centre prior of the training images"
_TRAIN_CHUNK = 64


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
        CENTER_PRIOR: Map(_centre(data.train, gaze, a.sigma).expand(count, -1, -1, -1), "relevance"),
        "random, same bandwidth": controls.random_like(map, index=torch.arange(count), seed=seed),
        "another image's map": controls.permuted(map, seed=seed),
    }
    found = {name: agreement(judged, gaze) for name, judged in {"": map, **floors}.items()}
    limit = ceiling(gaze, (map.values.shape[-2], map.values.shape[-1]), seed)
    name = data.called(recipe.data.name if whose == "own" else whose)
    rows, arrays = [], {}
    for key, (label, meaning) in _NAMES.items():
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
                against=(CENTER_PRIOR, found[CENTER_PRIOR][key]),
            )
        )
        arrays[key] = found[""][key]
    return rows, arrays if whose == "own" else {}


def _maps(model: AttentiveClassifier | Segmenter | TwoStream, split: Split) -> Map:
    device = next(model.parameters()).device
    shown = [
        explain_batch(model, split.batch(part).to(device)) for part in torch.arange(len(split)).split(_TRAIN_CHUNK)
    ]
    return Map(torch.cat([one.values.cpu() for one in shown]).float(), shown[0].unit)


def _centre(train: Split, gaze: Fixations, sigma: float) -> Tensor:
    """Density (1,1,H,W) of all fixations on the training images."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    total = torch.zeros(1, 1, *size, dtype=torch.float64)
    for part in torch.arange(len(train)).split(_TRAIN_CHUNK):
        points = train.batch(part).fixations
        assert points is not None
        total += blur(points.flatten(0, 1)[None].cpu(), size=size, sigma=sigma * size[1])
    return (total / total.sum()).float()


_METRICS = ("auc", "sauc", "nss", "cc", "sim", "kl")


@dataclass(frozen=True)
class TrainGaze:
    """Where people look whatever the image, by the fixations on training images alone.

    Attributes:
        center: density of all of them (1,1,H,W).
        others: how many fell on each pixel (1,1,H,W): the negatives of the shuffled AUC.
        looked: the training images that anybody looked at (M,).
    """

    center: Float[Tensor, "1 1 H W"]
    others: Float[Tensor, "1 1 H W"]
    looked: Int[Tensor, " M"]


def train_gaze(train: Split, *, sigma: float) -> TrainGaze:
    """Of a split with fixations.

    Args:
        train: what was learned from.
        sigma: of a fixation's density, a share of the image's width.

    Raises:
        RegardError: it has none.
    """
    first = train.batch([0])
    size = (first.images.shape[-2], first.images.shape[-1])
    total = torch.zeros(1, 1, *size, dtype=torch.float64)
    counts = torch.zeros(size[0] * size[1], dtype=torch.float64)
    looked = []
    for part in torch.arange(len(train)).split(256):
        points = train.batch(part).fixations
        if points is None:
            raise RegardError(f"split {train.name!r} comes without fixations; take a set that has them")
        looked.append(part[points.cpu().isfinite().all(-1).any(-1)])
        known = points.flatten(0, 1).cpu()
        known = known[known.isfinite().all(1)]
        total += blur(known[None], size=size, sigma=sigma * size[1])
        cell = known.long()
        counts += torch.bincount(cell[:, 1] * size[1] + cell[:, 0], minlength=len(counts))
    if counts.sum() == 0:
        raise RegardError(f"split {train.name!r} has no fixation; a centre prior needs some")
    return TrainGaze(total / total.sum(), counts.view(1, 1, *size), torch.cat(looked))


def similarity(
    map: Map, gaze: Fixations, train: TrainGaze, *, sigma: float, seed: int
) -> dict[str, Float[Tensor, " N"]]:
    """AUC, sAUC, NSS, CC, SIM, KL, and of each ``_random``, ``_center`` and ``_observers``; NaN where undefined.

    ``_random`` is a map with the judged one's own bandwidth and values, ``_center`` the centre prior of the training
    images, ``_observers`` what people reach of each other (one by the others in AUC, sAUC and NSS, half by half in the
    rest), absent where no image has two observers. The map and all of these go through the map's grid.

    Args:
        map: (N,1,h,w), one an image of ``gaze``, in its order; not negative.
        gaze: on images of one size.
        train: of the training images.
        sigma: of densities, a share of the image's width.
        seed: of random maps and halvings.
    """
    grid = (map.values.shape[-2], map.values.shape[-1])
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    random = controls.random_like(map, index=torch.arange(len(map.values)), seed=seed)
    center = Map(through_grid(train.center, grid).expand(len(map.values), -1, -1, -1), "relevance")
    found: dict[str, Tensor] = {}
    for ending, judged in {"": map, "_random": random, "_center": center}.items():
        own = _agreement(judged, gaze, train.others, size, sigma * size[1])
        found |= {f"{name}{ending}": values for name, values in own.items()}
    limit = ceilings(gaze, grid, sigma=sigma * size[1], seed=seed)
    return found | {f"{name}_observers": values for name, values in limit.items()}


def _agreement(map: Map, gaze: Fixations, others: Tensor, size: tuple[int, int], sigma: float) -> dict[str, Tensor]:
    points = gaze.points()
    out = {name: torch.full((len(map.values),), torch.nan, dtype=torch.float64) for name in _METRICS}
    looked = (~points.isnan().all(-1)).any(-1).nonzero()[:, 0]
    for index in looked.split(_CHUNK):
        here = points[index]
        own = Map(map.values[index], map.unit).resize(size).values.double()
        gold = density(here, size=size, sigma=sigma)
        found = all_scores(own, here, gold, others, own_included=False)
        for name in _METRICS:
            out[name][index] = found[name]
    return out


def gain(
    map: Map, gaze: Fixations, learned: Map, split: Split, index: Tensor, train: TrainGaze, *, sigma: float, seed: int
) -> dict[str, Float[Tensor, " N"]]:
    """``ig``, and of ``_random``, ``_center`` and ``_observers``: bits a fixation over the centre prior of training.

    ``_random`` has the judged map's bandwidth and values and is read like it, ``_center`` is the prior through the
    map's grid, ``_observers`` the density of all other people through that grid; NaN where nobody looked.

    Args:
        map: (N,1,h,w), one an image of ``gaze``, in its order.
        gaze: on images of one size.
        learned: (M,1,h,w), of training images.
        split: training images with fixations.
        index: which of them ``learned`` is of (M,).
        train: of all of them.
        sigma: of densities, a share of the image's width.
        seed: of random maps.
    """
    size, points = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1])), gaze.points()
    prior = mix_uniform(train.center)
    read = reading(learned, split, index, prior)
    random = controls.random_like(map, index=torch.arange(len(map.values)), seed=seed)
    grid = (map.values.shape[-2], map.values.shape[-1])
    center = through_grid(train.center, grid)
    center = mix_uniform(center / center.sum())
    out = {
        name: torch.full((len(points),), torch.nan, dtype=torch.float64) for name in ("ig", "ig_random", "ig_center")
    }
    looked = (~points.isnan().all(-1)).any(-1).nonzero()[:, 0]
    for some in looked.split(_CHUNK):
        beside = prior.log().expand(len(some), -1, -1, -1)
        for name, judged in (("ig", map), ("ig_random", random)):
            values = Map(judged.values[some], judged.unit).resize(size).values.double()
            out[name][some] = information_gain(read.log_density(values, prior), points[some], beside)
        out["ig_center"][some] = information_gain(center.log().expand_as(beside), points[some], beside)
    limit = information_ceiling(gaze, grid, prior, sigma=sigma * size[1])
    return out if limit is None else out | {"ig_observers": limit}


def reading(learned: Map, split: Split, index: Tensor, prior: Float[Tensor, "1 1 H W"]) -> Calibration:
    """How maps of training images become densities of the fixations on these.

    Raises:
        RegardError: nobody looked at any of them.
    """
    points = split.batch(index).fixations
    if points is None:
        raise RegardError(f"split {split.name!r} comes without fixations; take a set that has them")
    h, w = prior.shape[-2:]
    grid = calibration_grid(h, w)
    moved = points.double() * torch.tensor([grid[1] / w, grid[0] / h], dtype=torch.float64)
    return calibrate(learned.resize(grid).values.double(), moved, Map(prior, "relevance").resize(grid).values)
