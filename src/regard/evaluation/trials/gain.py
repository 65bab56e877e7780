"""How much a network's maps say of where people look, in bits a fixation beyond the centre prior.

No map is a density by itself, and dividing it by its sum leaves the contrast to chance. The maps of some training
images therefore say how this network's maps are read (blur, a monotone curve, how much centre), and that is held
against people on test images.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.people import information_ceiling
from regard.evaluation.scoring.priors import nowhere_zero
from regard.evaluation.trials.similarity import TrainGaze
from regard.gaze import Fixations, through_grid
from regard.metrics import controls
from regard.metrics.fixation import Calibration, calibrate, calibration_grid, information_gain
from regard.types import Map, RegardError

_CHUNK = 32


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
    prior = nowhere_zero(train.center)
    read = reading(learned, split, index, prior)
    random = controls.random_like(map, index=torch.arange(len(map.values)), seed=seed)
    grid = (map.values.shape[-2], map.values.shape[-1])
    center = through_grid(train.center, grid)
    center = nowhere_zero(center / center.sum())
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
