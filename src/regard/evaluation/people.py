"""Whether the map agrees with where people look, between knowing the box alone and what people reach of each other."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data.cache import cached
from regard.evaluation.boxed import CENTRE, boxed_floors
from regard.evaluation.entries import entry, reference
from regard.gaze import Fixations, density, leave_one_out, observers_information, split_half
from regard.metrics.fixation import auc, cc, nss
from regard.types import Map

NAMES = {
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
    for key, (label, meaning) in NAMES.items():
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
    """NSS, AUC and CC an image (N,) by the keys of `NAMES`, NaN where nobody looked."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    parts: dict[str, list[Tensor]] = {name: [] for name in NAMES}
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
    """`ceilings` by the keys of `NAMES`."""
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    found = ceilings(gaze, grid, sigma=_sigma(size), seed=seed)
    nothing = torch.full((len(gaze.images),), torch.nan, dtype=torch.float64)
    return {name: found.get(name.removeprefix("gaze_"), nothing) for name in NAMES}


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
        one = leave_one_out(gaze, sigma=sigma, grid=grid, seed=seed).values
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
