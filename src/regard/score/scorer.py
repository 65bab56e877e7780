"""The scores of one image: its map, floors and ceiling, with the centre prior and calibration that they need.

The centre prior is that of the other images, of a train split, or a file's. Information gain needs maps that are
calibrated on a train split, since a map by itself is not a density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regard import gaze
from regard.metrics.fixation import DensityCalibration, calibrate, calibration_grid, fixation_scores, information_gain
from regard.score.ceiling import ObserverCeiling
from regard.score.maps import MapFiles, read_map
from regard.score.results import MapKind, ScoreOptions
from regard.types import Map, RegardError

_Size = tuple[int, int]
Prior = Callable[[int, _Size], Tensor]
"""(image's index, its size) -> centre prior (1,1,h,w)."""
KernelWidth = Callable[[_Size], float]
"""Size of an image -> sigma of densities on it, pixels."""


def open_prior(which: str | None, fixations: gaze.Fixations, train: gaze.Fixations | None, sigma: KernelWidth) -> Prior:
    """The centre prior that ``which`` names; see `ScoreOptions.center_prior`.

    Raises:
        RegardError: ``train`` without a train split, or a file that cannot be read.
    """
    if which is None:
        others = lru_cache(maxsize=4)(lambda size: gaze.center_priors(fixations, grid=size, sigma=sigma(size)))
        return lambda b, size: others(size)[b]
    if which == "train":
        if train is None:
            raise RegardError(
                "the centre prior of a train split needs its fixations: give them (--train FILE), or leave "
                "--center-prior out for that of all other images"
            )
        trained = train_prior(train, sigma)
        return lambda _, size: trained(size)
    given = Map(read_map(Path(which)), "relevance")
    return lambda _, size: given.resize(size).values


def train_prior(train: gaze.Fixations, sigma: KernelWidth) -> Callable[[_Size], Tensor]:
    """Density of the train split's fixations on any grid, through `mix_uniform`, so that it is 0 nowhere."""
    return lru_cache(maxsize=4)(lambda size: gaze.mix_uniform(gaze.center_prior(train, grid=size, sigma=sigma(size))))


@dataclass(frozen=True)
class Information:
    """Gains over the train split's centre prior, bits per fixation, of maps that are calibrated to densities."""

    calibration: DensityCalibration
    prior: Callable[[_Size], Tensor]  # size -> the train split's centre prior (1,1,h,w)

    def gain(self, kind: MapKind, values: Tensor, xy: Tensor) -> float:
        """Of one judged map (1,1,h,w) at the fixations (1,n,2); uniform and centre prior are densities as they are."""
        prior = self.prior((values.shape[-2], values.shape[-1]))
        if kind in ("uniform", "center"):
            density = values / values.sum() if kind == "uniform" else 0.99 * values / values.sum() + 0.01 * prior
            log_density = density.log()
        else:
            log_density = self.calibration.log_density(values, prior)
        gain = information_gain(log_density, xy, prior.log()).item()
        return round(gain, 12)  # 0 instead of 1e-17 where both are equal


def learn_information(files: MapFiles, train: gaze.Fixations, sigma: KernelWidth) -> tuple[Information | None, str]:
    """The calibration of the maps of the train split's images, and a sentence that describes it.

    None where the source has no map of any of these images; maps that cannot be read are left out and counted.
    """
    h, w = (float(v) for v in train.sizes.mean(0))
    grid = calibration_grid(h, w)
    maps, kept, broken = [], [], 0
    for b, name in enumerate(train.images):
        if name not in files:
            continue
        try:
            values = files[name]()
        except RegardError:
            values = torch.full((1, 1, 1, 1), torch.nan)
        if not values.isfinite().all():
            broken += 1
            continue
        maps.append(_resize(values, grid).double())
        kept.append(b)
    if not maps:
        return None, f"No information gain: {files.source} has no map of an image of the train split to calibrate on."
    prior = train_prior(train, sigma)
    whole = Map(prior((round(h), round(w))), "relevance")  # sigma is in pixels of images, not of the small grid
    calibration = calibrate(torch.cat(maps), train.points(grid=grid)[kept], whole.resize(grid).values)
    note = (
        f"Information gain over the train split's centre prior; the maps were made densities on {len(maps)} images of "
        f"the train split: blur of {100 * calibration.blur:.1f} % of the width, a monotone curve over "
        f"{float(calibration.levels[-1]):.2f} nats, centre prior to the power {calibration.center:.2f}."
    )
    return Information(calibration, prior), note + (f" {broken} maps could not be read." if broken else "")


ScoreRow = dict[MapKind, dict[str, float]]
"""kind -> metric -> value of one image."""


@dataclass(frozen=True)
class ImageScorer:
    """Scores image ``b`` of the fixations when called."""

    files: MapFiles
    fixations: gaze.Fixations
    sigma: KernelWidth
    prior: Prior
    others: Callable[[int, _Size], Tensor]  # negatives of the shuffled AUC, `regard.gaze.other_fixations`
    information: Information | None  # None without a train split
    ceiling: ObserverCeiling | None
    options: ScoreOptions

    def __call__(self, b: int) -> ScoreRow:
        """Kind -> metric -> value, each on the image's own pixels.

        Raises:
            RegardError: no fixations, or a map that is missing, broken, or negative.
        """
        size = (int(self.fixations.sizes[b, 0]), int(self.fixations.sizes[b, 1]))
        own = self.files.read(self.fixations.images[b])
        here = self.fixations.rows(self.fixations.image == b)
        if len(here) == 0:
            raise RegardError("no fixations")
        xy = torch.from_numpy(np.stack([here.x, here.y], 1))
        grid = (own.shape[-2], own.shape[-1])
        _check_sides(grid, size, self.fixations.images[b])
        gold = gaze.density(xy[None], size=size, sigma=self.sigma(size))
        others = self.others(b, size)
        judged: dict[MapKind, Tensor] = {
            "maps": _resize(own, size),
            "uniform": torch.ones_like(gold),
        }
        prior = self.prior(b, size)
        if prior.isfinite().all():  # NaN where no other image has fixations
            judged["center"] = gaze.through_grid(prior, grid)
        another = self._another(b)
        if another is not None:
            judged["permuted"] = _resize(_resize(another, grid), size)
        seed = (self.options.seed, b)
        row: ScoreRow = {}
        for kind, values in judged.items():
            scores = fixation_scores(
                values, xy[None], gold, others, own_included=False, convention=self.options.convention, seed=seed
            )
            row[kind] = {metric: value.item() for metric, value in scores.items()}
            if self.information is not None:
                row[kind]["information_gain"] = self.information.gain(kind, values, xy[None])
        if self.ceiling is not None:
            row["observers"] = self.ceiling(b, others, grid)
        return row

    def _another(self, b: int) -> Tensor | None:
        """The map of the next image that has a good one; None if no other has."""
        count = len(self.fixations.images)
        for k in range(1, count):
            try:
                other = self.files.read(self.fixations.images[(b + k) % count])
            except RegardError:
                continue
            if other.isfinite().all() and other.min() >= 0:
                return other
        return None


def _check_sides(map_size: _Size, size: _Size, image: str) -> None:
    """Raise RegardError if a map is as wide as its image is high, in proportion, and as high as that is wide."""
    own, shown = (math.log(width / height) for height, width in (map_size, size))
    if min(abs(own), abs(shown)) > 0.05 and abs(own + shown) < 0.02 + 1 / min(map_size):
        (h, w), (height, width) = map_size, size
        raise RegardError(
            f"the map's sides are exchanged ({w} wide and {h} high, the image {image!r} {width} wide and {height} "
            "high), so that it would be stretched: transpose the map, or turn it as the image is shown"
        )


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return Map(maps, "relevance").resize(size).values
