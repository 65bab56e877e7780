"""Information gain of maps that are calibrated on a train split, for no map is a density by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.evaluation.scoring.maps import MapFiles
from regard.evaluation.scoring.options import Kind
from regard.evaluation.scoring.priors import train_prior
from regard.gaze import Fixations, observers_information
from regard.metrics.fixation import Calibration, calibrate, calibration_grid, information_gain
from regard.types import Map, RegardError


@dataclass(frozen=True)
class Information:
    """Gains over the train split's centre prior, bits a fixation.

    Attributes:
        calibration: of the judged maps.
        prior: size -> the train split's centre prior (1,1,h,w).
    """

    calibration: Calibration
    prior: Callable[[tuple[int, int]], Tensor]

    def gain(self, kind: Kind, values: Tensor, xy: Tensor) -> float:
        """Of one judged map (1,1,h,w) at the fixations (1,n,2); uniform and centre prior are densities as they are."""
        prior = self.prior((values.shape[-2], values.shape[-1]))
        if kind in ("uniform", "center"):
            density = values / values.sum() if kind == "uniform" else 0.99 * values / values.sum() + 0.01 * prior
            log_density = density.log()
        else:
            log_density = self.calibration.log_density(values, prior)
        return round(information_gain(log_density, xy, prior.log()).item(), 12)  # 0, not 1e-17, where the two are one

    def ceiling(self, xy: Tensor, who: Tensor, size: tuple[int, int], sigma: float, grid: tuple[int, int]) -> float:
        """`observers_information` over this prior."""
        return observers_information(xy, who, self.prior(size), sigma=sigma, grid=grid)


def learn_information(files: MapFiles, train: Fixations, sigma: float) -> tuple[Information | None, str]:
    """The calibration of the maps of the train split's images, and a sentence that says how it went.

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
            broken += 1
            continue
        if not values.isfinite().all():
            broken += 1
            continue
        maps.append(Map(values, "relevance").resize(grid).values.double())
        kept.append(b)
    if not maps:
        return None, f"No information gain: {files.source} has no map of an image of the train split to calibrate on."
    prior = train_prior(train, sigma)
    whole = Map(prior((round(h), round(w))), "relevance")  # sigma is in pixels of images, not of the small grid
    found = calibrate(torch.cat(maps), train.points(grid=grid)[kept], whole.resize(grid).values)
    said = (
        f"Information gain over the train split's centre prior; the maps were made densities on {len(maps)} images of "
        f"the train split: blur of {100 * found.blur:.1f} % of the width, a monotone curve over "
        f"{float(found.levels[-1]):.2f} nats, centre prior to the power {found.center:.2f}."
    )
    return Information(found, prior), said + (f" {broken} maps could not be read." if broken else "")
