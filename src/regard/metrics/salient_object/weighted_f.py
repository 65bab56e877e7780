"""Weighted F-measure (Margolin et al., CVPR 2014): errors count less inside the object, where neighbours are right, and
more far away from it. Distances go to the nearest object pixel, exactly; of several the leftmost, then the topmost.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.rounding import wide
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check
from regard.metrics.salient_object.kernels import weighted_sums
from regard.types import PerImage

_LARGE = 1 << 20  # rows away: no object in this column
_CHUNK = 1 << 26  # pairs of pixels of a row that are held at once


def nearest_object(masks: Bool[Tensor, "B H W"]) -> Int[Tensor, "B 2 H W"]:
    """Row and column of the object pixel nearest to each pixel; an empty mask has no meaningful answer.

    Nearest in the own column, above before below; then the nearest of these along the row, compared with all: this
    suits a GPU, where the passes of [`kernels`](kernels.py) do not.
    """
    _, height, width = masks.shape
    row = torch.arange(height, device=masks.device)[:, None].expand_as(masks)
    above = torch.where(masks, row, -_LARGE).cummax(1).values
    below = torch.where(masks, row, _LARGE).flip(1).cummin(1).values.flip(1)
    own = torch.where(row - above <= below - row, above, below)  # far outside in a column without an object
    away = (own - row).square().flatten(0, 1)  # (BH,W)
    place = torch.arange(width, device=masks.device)
    across = (place[:, None] - place).square()
    step = max(1, _CHUNK // width**2)
    # one number orders by distance, then by column
    keys = torch.cat([((across + part[:, None]) * width + place).amin(2) for part in away.split(step)])
    columns = (keys % width).view_as(masks)
    return torch.stack([own.gather(2, columns).clamp(0, height - 1), columns], 1)


_REACH, _SIGMA, _FADE = 3, 5.0, 5.0


def weighted_f(prediction: Prediction, masks: Masks) -> PerImage:
    """Margolin et al., *How to evaluate foreground maps?*, CVPR 2014, beta^2 = 1: (B,), NaN for an empty mask
    (pysodmetrics: 0).

        error = |prediction - mask|
        inside:  min(error, 7x7 Gaussian (sigma 5) average of errors), an outer pixel taking its nearest object pixel's
        outside: error * (2 - 2^(-distance / 5)), distance to the object in pixels
        R = 1 - mean error inside,  P = TP / (TP + FP),  F = 2 P R / (P + R)

    >>> m = torch.tensor([[[[True, True, False]]]])
    >>> weighted_f(m.double(), m)
    tensor([1.], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    return weighted_f_of(prediction, masks, wide(masks.sum((1, 2, 3))))


def weighted_f_of(prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"], count: PerImage) -> PerImage:
    """The same of what was checked, and the number of pixels of each mask."""
    x, inside = wide(prediction)[:, 0], masks[:, 0]
    own, false = weighted_sums(x, inside) if x.device.type == "cpu" else weighted_by_torch(x, inside)
    true = count - own
    recall, precision = 1 - own / count, true / (true + false + EPS)
    return 2 * recall * precision / (recall + precision + EPS)  # 0 / 0 for an empty mask


def weighted_by_torch(x: Float[Tensor, "B H W"], inside: Bool[Tensor, "B H W"]) -> tuple[PerImage, PerImage]:
    """`weighted_sums` by torch, on any device."""
    error, nearest = (x - wide(inside)).abs_(), nearest_object(inside)
    rows, columns = (_around(inside.any(0).any(dim)) for dim in (1, 0))
    near = inside[:, rows, columns]
    own = error[:, rows, columns]
    own = torch.where(near, torch.minimum(own, _average(_take(own, nearest, rows, columns))), 0.0).sum((1, 2))
    return own, _importance(nearest).mul_(error).masked_fill_(inside, 0).sum((1, 2))


def _around(occupied: Bool[Tensor, " L"]) -> slice:
    """All places that an object pixel's average reaches along an axis; none without an object."""
    places = occupied.nonzero()
    if not len(places):
        return slice(0, 0)
    return slice(max(0, int(places[0]) - _REACH), int(places[-1]) + _REACH + 1)


def _take(
    values: Float[Tensor, "B h w"], nearest: Int[Tensor, "B 2 H W"], rows: slice, columns: slice
) -> Float[Tensor, "B h w"]:
    """Each pixel's nearest object pixel's value, in a part of the images that has all of their objects."""
    down, across = nearest[:, 0, rows, columns] - rows.start, nearest[:, 1, rows, columns] - columns.start
    place = (down * values.shape[2] + across).flatten(1).long()
    place = place.clamp_(0, max(0, place.shape[1] - 1))  # an empty mask beside others points anywhere
    return values.flatten(1).gather(1, place).view_as(values)


def _average(values: Float[Tensor, "B H W"]) -> Float[Tensor, "B H W"]:
    """7x7 Gaussian of sigma 5, cut and normalised as MATLAB's fspecial; nothing beyond the border."""
    place = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    kernel = torch.exp(-place.square() / (2 * _SIGMA**2))
    kernel = kernel / kernel.sum()
    for dim in (1, 2):  # sums of shifted slices: a double convolution of one channel takes three times as long
        length = values.shape[dim]
        out = values * float(kernel[_REACH])
        for shift in range(1, min(_REACH, length - 1) + 1):
            weight = float(kernel[_REACH + shift])
            rest = length - shift
            out.narrow(dim, shift, rest).add_(values.narrow(dim, 0, rest), alpha=weight)
            out.narrow(dim, 0, rest).add_(values.narrow(dim, shift, rest), alpha=weight)
        values = out
    return values


def _importance(nearest: Int[Tensor, "B 2 H W"]) -> Float[Tensor, "B H W"]:
    """2 - 2^(-distance / 5), in one place in memory: fresh pages cost more than arithmetic."""
    apart = wide(nearest)
    for dim in (1, 2):  # whole numbers are squared as floats, which takes a fifth of the time
        place = torch.arange(apart.shape[dim + 1], device=apart.device, dtype=apart.dtype)
        along = apart[:, dim - 1]
        along.sub_(place[:, None] if dim == 1 else place)
        along.mul_(along)
    return apart[:, 0].add_(apart[:, 1]).sqrt_().mul_(-1 / _FADE).exp2_().neg_().add_(2)
