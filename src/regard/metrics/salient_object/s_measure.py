"""S-measure: structure of the object and of its surroundings, and of the four quarters around the object's centroid.

S = max(0, (S_object + S_region) / 2)                              (Fan et al., *Structure-measure*, ICCV 2017)
S_object = g o(x inside) + (1 - g) o(1 - x outside),   o(x) = 2 mean / (mean^2 + 1 + std + eps),   g the mask's share
S_region = sum over quarters of area share * 4 x y s_xy / ((x^2 + y^2)(s_x^2 + s_y^2) + eps),   the SSIM of a quarter
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.rounding import wide
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check
from regard.metrics.salient_object.kernels import structure_sums
from regard.types import PerImage


def s_measure(prediction: Prediction, masks: Masks) -> PerImage:
    """S, object and region weighted alike: (B,), 1 is best.

    Never undefined: of an empty mask it is 1 - mean(prediction), of a full one mean(prediction), as in the authors'
    code. A quarter without a pixel, where the centroid lies on the last row or column, weighs nothing (that code and
    pysodmetrics give NaN).

    >>> m = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    >>> m[..., 1:3, 1:3] = True
    >>> s_measure(m.double(), m).round(decimals=6)
    tensor([1.], dtype=torch.float64)
    """
    prediction, masks = check(prediction, masks)
    whole = torch.ones(len(masks), dtype=torch.float64, device=prediction.device)
    return s_of(structure(prediction, masks, whole), prediction)


def structure(
    prediction: Float[Tensor, "B 1 H W"], masks: Bool[Tensor, "B 1 H W"], thresholds: Float[Tensor, " B"]
) -> Float[Tensor, "28 B"]:
    """`structure_sums`, on any device."""
    x, inside = wide(prediction)[:, 0], masks[:, 0]
    return (structure_sums if x.device.type == "cpu" else structure_by_torch)(x, inside, thresholds)


def structure_by_torch(
    x: Float[Tensor, "B H W"], inside: Bool[Tensor, "B H W"], thresholds: Float[Tensor, " B"]
) -> Float[Tensor, "28 B"]:
    """`structure_sums` in a few dozen passes, each over all images."""
    g = wide(inside)
    total, count, within = x.sum((1, 2)), g.sum((1, 2)), (x * g).sum((1, 2))
    rest = g[0].numel() - count
    means = within / count.clamp(min=1), (total - within) / rest.clamp(min=1)
    above = wide(x >= thresholds[:, None, None])
    hits = (above * g).sum((1, 2))
    own = [(x - g).abs().sum((1, 2)), hits, above.sum((1, 2)) - hits, count]
    for sum_x, mean, part in ((within, means[0], g), (total - within, means[1], 1 - g)):
        own += [sum_x, ((x - mean[:, None, None]).square() * part).sum((1, 2))]
    upper, left = _until(g.sum(2), x.shape[1]), _until(g.sum(1), x.shape[2])
    for rows, y in ((upper, 0), (1 - upper, -1)):
        for columns, z in ((left, 0), (1 - left, -1)):
            here = rows[:, :, None] * columns[:, None, :]
            d = (x - x[:, y, z, None, None]) * here
            own += [each.sum((1, 2)) for each in (here, d, g * here, d * g, d * d)]
    return torch.stack(own)


def s_of(sums: Float[Tensor, "28 B"], prediction: Float[Tensor, "B 1 H W"]) -> PerImage:
    """S from sums."""
    count, within, square, without, squares = sums[3:8]
    pixels = prediction[0].numel()
    counts = torch.stack([count, pixels - count])
    means = torch.stack([within, without]) / counts.clamp(min=1)
    std = (torch.stack([square, squares]) / (counts - 1).clamp(min=1)).sqrt()
    high = torch.stack([means[0], 1 - means[1]])
    alike = ((2 * high / (high.square() + 1 + std + EPS)) * counts).sum(0) / pixels
    both = (0.5 * alike + 0.5 * _region(sums[8:], prediction)).clamp(min=0)
    mean = (within + without) / pixels
    return torch.where(count == 0, 1 - mean, torch.where(count == pixels, mean, both))


def _region(quarters: Float[Tensor, "20 B"], prediction: Float[Tensor, "B 1 H W"]) -> PerImage:
    pixels, sum_d, sum_g, sum_dg, sum_dd = quarters.unflatten(0, (4, 5)).unbind(1)
    n = pixels.clamp(min=1)
    # Distances to the value in each quarter's corner: a constant quarter has a variance of exactly 0 without rounding.
    x_mean = wide(prediction)[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]].T + sum_d / n
    y_mean = sum_g / n
    free = n - 1 + EPS
    s_x = (sum_dd - sum_d.square() / n).clamp(min=0) / free
    s_y = (sum_g - sum_g.square() / n) / free
    s_xy = (sum_dg - sum_d * sum_g / n) / free
    similar = 4 * x_mean * y_mean * s_xy / ((x_mean.square() + y_mean.square()) * (s_x + s_y) + EPS)
    flat_x, flat_y = sum_dd == 0, (sum_g == 0) | (sum_g == pixels)
    similar = torch.where(flat_x | flat_y, (flat_x & flat_y).to(similar), similar)
    return (similar * pixels).sum(0) / prediction[0].numel()


def _until(mass: Float[Tensor, "B L"], length: int) -> Float[Tensor, "B L"]:
    """1 up to and with the place of the centroid along an axis, rounded half to even; 0 beyond."""
    place = torch.arange(length, device=mass.device)
    centre = ((mass * place).sum(1) / mass.sum(1).clamp(min=1)).round()
    return (place <= centre[:, None]).to(mass)
