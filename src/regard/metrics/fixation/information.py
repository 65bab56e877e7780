"""Information gain: what a density says about fixations beyond a baseline, in bits per fixation; and the calibration
that makes a density of a saliency map on a train split: blur, monotone map, centre prior.

Kuemmerer, Wallis, Bethge 2015 (PNAS), as pysaliency's optimised conversion does; here the centre bias is a given
prior with a learned exponent, instead of a radial curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Maps, Points, check_maps, check_pair, pixels
from regard.metrics.rounding import wide
from regard.types import PerImage, RegardError


def information_gain(log_density: Maps, fixations: Points, baseline: Maps) -> PerImage:
    """Mean over fixations of (log-likelihood - baseline's) / ln 2, bits per fixation (Kuemmerer et al. 2015): (B,).

    Only a density has it; a saliency map becomes one by calibration on other images, not by a division by its sum,
    which leaves the contrast to chance. -inf where a fixation has density 0; NaN without fixations. Differentiable.

    Args:
        log_density: (B,1,h,w) natural logarithm of a density over pixels, exp of it sums to 1; -inf where it is 0.
        fixations: (B,n,2) in the map's pixels.
        baseline: (B,1,h,w) log-density of the baseline, such as a centre prior from other images.

    Raises:
        RegardError: what is given does not sum to 1.

    >>> uniform = torch.full((1, 1, 2, 2), 0.25).log()
    >>> fixations = torch.tensor([[[1.0, 1.0]]])
    >>> density = torch.tensor([[[[0.0, 0.25], [0.25, 0.5]]]]).log()
    >>> round(information_gain(density, fixations, uniform).item(), 4)
    1.0
    """
    check_pair(log_density, baseline)
    index, known = pixels(log_density, fixations)
    ours, theirs = (_at(m, index, what) for m, what in ((log_density, "log_density"), (baseline, "baseline")))
    gain = torch.where(known, ours - theirs, 0.0)
    return gain.sum(1) / known.sum(1) / math.log(2)


def log_likelihood(log_density: Maps, fixations: Points) -> PerImage:
    """Mean log-density at the fixations, nats; see `information_gain`.

    >>> uniform = torch.full((1, 1, 2, 2), 0.25).log()
    >>> fixations = torch.tensor([[[1.0, 1.0]]])
    >>> round(log_likelihood(uniform, fixations).item(), 4)
    -1.3863
    """
    index, known = pixels(log_density, fixations)
    return torch.where(known, _at(log_density, index, "log_density"), 0.0).sum(1) / known.sum(1)


def _at(log_density: Tensor, index: Tensor, what: str) -> Tensor:
    check_maps(log_density.detach().exp(), f"exp of {what}")
    flat = wide(log_density).flatten(1)
    total = flat.detach().exp().sum(1)
    if ((total - 1).abs() > 1e-3).any():
        b = int((total - 1).abs().argmax())
        raise RegardError(
            f"{what} is no log-density: exp of it sums to {total[b].item():g} for image {b} of the batch; only a "
            "density has information gain, so calibrate the map on other images first"
        )
    return flat.gather(1, index)


_SIDE = 48
KNOTS = 12
_STEPS = 60
_START = -4.0
"""Logarithm of the blur to begin with."""
RIDGE = 1e-3
"""Nats by which distance from the beginning is dearer: few fixations cannot drive a parameter to infinity."""
LEAST_BLUR = 1e-3
"""Share of the width: a sigma of 0 has no kernel."""


@dataclass(frozen=True)
class DensityCalibration:
    """How the maps of one model become densities: log p = f(blurred map) + center * log prior - log Z.

    Attributes:
        blur: standard deviation of the Gaussian, as a share of the map's width.
        levels: (K,) ascending values of f at K equal steps of a map stretched to [0,1]; straight lines between.
        center: exponent of the centre prior.
        bits: information gain over the prior on the images it was fitted on, hence optimistic.
    """

    blur: float
    levels: Float[Tensor, " K"]
    center: float
    bits: float

    def log_density(self, maps: Maps, prior: Maps) -> Float[Tensor, "B 1 h w"]:
        """Log-density of each map (B,1,h,w) on the grid of the fixations; ``prior`` (1 or B,1,h,w) is positive."""
        width = torch.tensor(self.blur, dtype=torch.float64)
        return _log_density(_stretched(maps), _log(prior), width, self.levels, torch.tensor(self.center))


def calibration_grid(height: float | int, width: float | int) -> tuple[int, int]:
    """Height and width, with 48 positions along the longer one: blur and curve need no more.

    >>> calibration_grid(300, 400)
    (36, 48)
    """
    scale = _SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def calibrate(maps: Maps, fixations: Points, prior: Maps) -> DensityCalibration:
    """The calibration under which the train split's fixations are most likely, by L-BFGS, deterministic.

    Args:
        maps: (N,1,h,w) of the train split on `calibration_grid`, all in memory.
        fixations: (N,n,2) on that grid.
        prior: (1,1,h,w) the train split's centre prior on that grid, positive.

    Raises:
        RegardError: no fixations.
    """
    known = ~fixations.isnan().any(-1)
    if not known.any():
        raise RegardError("a calibration needs fixations of the train split: there are none on the maps given")
    s, log_prior = _stretched(maps), _log(prior)
    width = s.shape[-1]
    cell = fixations.nan_to_num(0).floor().long()
    index = cell[..., 1] * width + cell[..., 0]
    blur = torch.tensor(_START, dtype=torch.float64, requires_grad=True)
    steps = torch.full((KNOTS - 1,), -1.0, dtype=torch.float64, requires_grad=True)
    center = torch.ones((), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([blur, steps, center], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def levels() -> Tensor:
        return F.pad(F.softplus(steps).cumsum(0), (1, 0))

    def loss() -> Tensor:
        search.zero_grad()
        log_density = _log_density(s, log_prior, LEAST_BLUR + blur.exp(), levels(), center).flatten(1)
        away = (blur - _START).square() + steps.square().sum() + (center - 1).square()
        value = -(log_density.gather(1, index) * known).sum() / known.sum() + RIDGE * away
        value.backward()
        return value

    search.step(loss)
    with torch.no_grad():
        fitted = DensityCalibration(LEAST_BLUR + blur.exp().item(), levels(), center.item(), 0.0)
        gain = information_gain(
            fitted.log_density(maps, prior), fixations, (log_prior - log_prior.logsumexp((-2, -1))).expand_as(s)
        )
    mean = (gain.nan_to_num(0) * known.sum(1)).sum() / known.sum()
    return DensityCalibration(fitted.blur, fitted.levels, fitted.center, mean.item())


def _log_density(s: Tensor, log_prior: Tensor, blur: Tensor, levels: Tensor, center: Tensor) -> Tensor:
    h, w = s.shape[-2:]
    smooth = _kernel(h, blur * w) @ s @ _kernel(w, blur * w).T
    place = smooth.clamp(0, 1) * (len(levels) - 1)
    below = place.detach().nan_to_num().floor().long().clamp(max=len(levels) - 2)
    curve = levels[below] + (place - below) * (levels[below + 1] - levels[below])
    return (curve + center * log_prior).flatten(1).log_softmax(1).view(s.shape)


def _kernel(size: int, sigma: Tensor) -> Tensor:
    """(size,size): row i weighs its neighbours by a Gaussian; rows sum to 1, so nothing is lost at the borders."""
    at = torch.arange(size, dtype=torch.float64)
    return (-0.5 * ((at[:, None] - at) / sigma).square()).softmax(1)


def _stretched(maps: Maps) -> Tensor:
    maps = wide(check_maps(maps.detach()))
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, torch.ones_like(low))


def _log(prior: Maps) -> Tensor:
    prior = wide(check_maps(prior, "prior"))
    if (prior <= 0).any():
        raise RegardError("the centre prior must be positive everywhere: mix a little of the uniform density into it")
    return prior.log()
