"""How close maps come to where people look, and how much information on it they hold, between floors and other people.

No map is a density by itself, and dividing it by its sum leaves the contrast to chance. The maps of some training
images therefore say how this network's maps are read (blur, a monotone curve, how much centre), and that is
compared with people on test images: information gain, in bits per fixation beyond the centre prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data import Split
from regard.evaluation.gaze_ceilings import ceilings, information_ceiling
from regard.gaze import Fixations, blur, density, mix_uniform, through_grid
from regard.metrics import controls
from regard.metrics.fixation import DensityCalibration, calibrate, calibration_grid, fixation_scores, information_gain
from regard.types import Map, RegardError

_CHUNK = 32
_METRICS = ("auc", "sauc", "nss", "cc", "sim", "kl")


@dataclass(frozen=True)
class TrainGaze:
    """Where people look whatever the image, by the fixations on training images alone: ``center``, the density of all
    (1,1,H,W); ``others``, how many fell on each pixel (1,1,H,W), the negatives of the shuffled AUC; ``with_gaze``, the
    positions of the training images with fixations (M,).
    """

    center: Float[Tensor, "1 1 H W"]
    others: Float[Tensor, "1 1 H W"]
    with_gaze: Int[Tensor, " M"]


def train_gaze(train: Split, *, sigma: float) -> TrainGaze:
    """`TrainGaze` of a split; ``sigma`` is the width of a fixation's density, a share of the image's width.

    Raises:
        RegardError: the split has no fixations.
    """
    size = train.batch([0]).size
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


def gaze_similarity(
    map: Map, gaze: Fixations, train: TrainGaze, *, sigma: float, seed: int
) -> dict[str, Float[Tensor, " N"]]:
    """AUC, sAUC, NSS, CC, SIM, KL per image (N,), and of each ``_random``, ``_center`` and ``_observers``; NaN:
    undefined.

    ``_random`` is a map with the map's own bandwidth and values, ``_center`` the centre prior of the training images,
    ``_observers`` what people reach (one by the others in AUC, sAUC and NSS; in CC, SIM and KL what the true density
    would score), absent where no image has two observers. All go through the map's grid.

    Args:
        map: (N,1,h,w), not negative, one per image of ``gaze``, in its order; images of one size.
        gaze: fixations on the test images.
        train: of the training images.
        sigma: of densities, a share of the image's width.
        seed: of random maps and halvings.
    """
    grid = (map.values.shape[-2], map.values.shape[-1])
    size = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1]))
    random = controls.random_like(map, index=torch.arange(len(map.values)), seed=seed)
    center = Map(through_grid(train.center, grid).expand(len(map.values), -1, -1, -1), "relevance")
    scores: dict[str, Tensor] = {}
    for ending, compared in {"": map, "_random": random, "_center": center}.items():
        own = _agreement(compared, gaze, train.others, size, sigma * size[1])
        scores |= {f"{name}{ending}": values for name, values in own.items()}
    limit = ceilings(gaze, grid, sigma=sigma * size[1], seed=seed)
    return scores | {f"{name}_observers": values for name, values in limit.items()}


def _agreement(map: Map, gaze: Fixations, others: Tensor, size: tuple[int, int], sigma: float) -> dict[str, Tensor]:
    points = gaze.points()
    out = {name: torch.full((len(map.values),), torch.nan, dtype=torch.float64) for name in _METRICS}
    looked = (~points.isnan().all(-1)).any(-1).nonzero()[:, 0]
    for index in looked.split(_CHUNK):
        here = points[index]
        own = Map(map.values[index], map.unit).resize(size).values.double()
        gold = density(here, size=size, sigma=sigma)
        scores = fixation_scores(own, here, gold, others, own_included=False)
        for name in _METRICS:
            out[name][index] = scores[name]
    return out


def gaze_information(
    map: Map, gaze: Fixations, learned: Map, split: Split, index: Tensor, train: TrainGaze, *, sigma: float, seed: int
) -> dict[str, Float[Tensor, " N"]]:
    """``ig``, ``ig_random``, ``ig_center`` and ``ig_observers`` per image: bits per fixation over the training centre
    prior.

    ``ig_random`` has the map's bandwidth and values and the same calibration, ``ig_center`` is the prior through the
    map's grid, ``ig_observers`` the density of all other people through that grid; NaN where nobody looked.

    Args:
        map: (N,1,h,w), one per image of ``gaze``, in its order; images of one size.
        gaze: fixations on the test images.
        learned: maps (M,1,h,w) of the training images ``index`` of ``split``, which calibrate the maps.
        split: training images with fixations.
        index: positions (M,).
        train: of all training images.
        sigma: of densities, a share of the image's width.
        seed: of random maps and halves.
    """
    size, points = (int(gaze.sizes[0, 0]), int(gaze.sizes[0, 1])), gaze.points()
    prior = mix_uniform(train.center)
    read = reading(learned, split, index, prior)
    random = controls.random_like(map, index=torch.arange(len(map.values)), seed=seed)
    grid = (map.values.shape[-2], map.values.shape[-1])
    center = through_grid(train.center, grid)
    center = mix_uniform(center / center.sum())
    names = ("ig", "ig_random", "ig_center")
    out = {name: torch.full((len(points),), torch.nan, dtype=torch.float64) for name in names}
    looked = (~points.isnan().all(-1)).any(-1).nonzero()[:, 0]
    for some in looked.split(_CHUNK):
        prior_density = prior.log().expand(len(some), -1, -1, -1)
        for name, compared in (("ig", map), ("ig_random", random)):
            values = Map(compared.values[some], compared.unit).resize(size).values.double()
            out[name][some] = information_gain(read.log_density(values, prior), points[some], prior_density)
        out["ig_center"][some] = information_gain(center.log().expand_as(prior_density), points[some], prior_density)
    limit = information_ceiling(gaze, grid, prior, sigma=sigma * size[1], seed=seed)
    return out if limit is None else out | {"ig_observers": limit}


def reading(learned: Map, split: Split, index: Tensor, prior: Float[Tensor, "1 1 H W"]) -> DensityCalibration:
    """The calibration that makes maps of training images densities of the fixations on them.

    Raises:
        RegardError: the split has no fixations.
    """
    points = split.batch(index).fixations
    if points is None:
        raise RegardError(f"split {split.name!r} comes without fixations; take a set that has them")
    h, w = prior.shape[-2:]
    grid = calibration_grid(h, w)
    moved = points.double() * torch.tensor([grid[1] / w, grid[0] / h], dtype=torch.float64)
    return calibrate(learned.resize(grid).values.double(), moved, Map(prior, "relevance").resize(grid).values)
