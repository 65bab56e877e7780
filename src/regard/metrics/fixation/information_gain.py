"""Information gain: what a density says of fixations beyond a baseline, in bits a fixation."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Maps, Points, check_maps, check_pair, pixels, wide
from regard.types import RegardError


def information_gain(log_density: Maps, fixations: Points, baseline: Maps) -> Float[Tensor, " B"]:
    """Mean over fixations of (log-likelihood - baseline's) / ln 2 (Kuemmerer et al. 2015). Differentiable.

    Only a density has it. A saliency map becomes one by calibration on other images, never by a division by its
    sum alone, as that leaves the contrast to chance.

    Args:
        log_density: (B,1,h,w) natural logarithm of a density over pixels, exp of it sums to 1; -inf where it is 0.
        fixations: (B,n,2) in the map's pixels.
        baseline: (B,1,h,w) log-density of the baseline, such as a centre prior from other images.

    Returns:
        (B,) bits a fixation; -inf where a fixation has density 0; NaN without fixations.

    Raises:
        RegardError: what is given does not sum to 1.
    """
    check_pair(log_density, baseline)
    index, known = pixels(log_density, fixations)
    ours, theirs = (_at(m, index, what) for m, what in ((log_density, "log_density"), (baseline, "baseline")))
    gain = torch.where(known, ours - theirs, 0.0)
    return gain.sum(1) / known.sum(1) / math.log(2)


def log_likelihood(log_density: Maps, fixations: Points) -> Float[Tensor, " B"]:
    """Mean log-density at the fixations, nats; see `information_gain`."""
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
