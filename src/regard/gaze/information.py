"""What observers say of each other in bits: the ceiling of information gain."""

from __future__ import annotations

import torch
from torch import Tensor

from regard.gaze.density import blur
from regard.gaze.observers import through_grid
from regard.metrics.fixation import information_gain

PRIOR = 0.1


def observers_information(
    xy: Tensor, who: Tensor, prior: Tensor, *, sigma: float, grid: tuple[int, int] | None = None
) -> float:
    """Information gain over ``prior`` of the other observers' density on each observer's fixations, mean over them.

    The density is Gaussian, taken through ``grid``, with PRIOR of the centre prior mixed in, without which a fixation
    where nobody else looked would cost infinitely many bits.

    Args:
        xy: (n,2) fixations of one image with at least two observers.
        who: (n,) observer of each.
        prior: (1,1,H,W) centre prior of positive density that sums to 1.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
    """
    size = (prior.shape[-2], prior.shape[-1])
    single = [xy[who == person] for person in who.unique()]
    parts = torch.cat([blur(points[None], size=size, sigma=sigma) for points in single])
    rest = through_grid((parts.sum(0, keepdim=True) - parts).clamp(min=0), grid)
    density = (1 - PRIOR) * rest / rest.sum((-2, -1), keepdim=True) + PRIOR * prior
    points = torch.nn.utils.rnn.pad_sequence(single, batch_first=True, padding_value=torch.nan)
    return information_gain(density.log(), points, prior.log().expand_as(density)).mean().item()
