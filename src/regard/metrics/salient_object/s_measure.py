"""S-measure: structure of the object and of its surroundings, and of the four quarters around the object's centroid.

S = max(0, (S_object + S_region) / 2)                              (Fan et al., *Structure-measure*, ICCV 2017)
S_object = g o(x inside) + (1 - g) o(1 - x outside),   o(x) = 2 mean / (mean^2 + 1 + std + eps),   g the mask's share
S_region = sum over quarters of area share * 4 x y s_xy / ((x^2 + y^2)(s_x^2 + s_y^2) + eps),   the SSIM of a quarter
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.rounding import dot, wide
from regard.metrics.salient_object.inputs import EPS, Masks, Prediction, check
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
    return s_of(wide(prediction)[:, 0], wide(masks)[:, 0])


def s_of(x: Float[Tensor, "B H W"], g: Float[Tensor, "B H W"]) -> PerImage:
    """The same of a prediction and a mask of zeros and ones, in one precision."""
    mean, share = x.mean((1, 2)), g.mean((1, 2))
    structure = (0.5 * _object(x.flatten(1), g.flatten(1)) + 0.5 * _region(x, g)).clamp(min=0)
    return torch.where(share == 0, 1 - mean, torch.where(share == 1, mean, structure))


def _object(x: Float[Tensor, "B hw"], g: Float[Tensor, "B hw"]) -> PerImage:
    total, count, within = x.sum(1), g.sum(1), dot(x, g)
    counts = torch.stack([count, x.shape[1] - count])
    means = torch.stack([within, total - within]) / counts.clamp(min=1)
    centred = torch.lerp(means[1][:, None], means[0][:, None], g).sub_(x)
    squared = centred.mul_(centred)
    std = (torch.stack([dot(squared, g), dot(squared, 1 - g)]) / (counts - 1).clamp(min=1)).sqrt()
    means = torch.stack([means[0], 1 - means[1]])
    scores = 2 * means / (means.square() + 1 + std + EPS)
    return (scores * counts).sum(0) / x.shape[1]


def _region(x: Float[Tensor, "B H W"], g: Float[Tensor, "B H W"]) -> PerImage:
    height, width = x.shape[1:]
    upper, left = _until(g.sum(2), height), _until(g.sum(1), width)
    rows, columns = torch.stack([upper, 1 - upper], 1), torch.stack([left, 1 - left], 2)

    def quarters(values: Tensor) -> Float[Tensor, "B 2 2"]:
        return rows @ values @ columns

    pixels = rows.sum(2)[:, :, None] * columns.sum(1)[:, None, :]
    n = pixels.clamp(min=1)
    # Distances to the value in each quarter's corner: a constant quarter has a variance of exactly 0 without rounding.
    corner = x[:, [0, -1]][:, :, [0, -1]]
    d = torch.baddbmm(x, rows.mT @ corner, columns.mT, alpha=-1)
    sum_d, sum_g, sum_dg = quarters(d), quarters(g), quarters(d * g)
    sum_dd = quarters(d.mul_(d))
    x_mean, y_mean = corner + sum_d / n, sum_g / n
    free = n - 1 + EPS
    s_x = (sum_dd - sum_d.square() / n).clamp(min=0) / free
    s_y = (sum_g - sum_g.square() / n) / free
    s_xy = (sum_dg - sum_d * sum_g / n) / free
    similar = 4 * x_mean * y_mean * s_xy / ((x_mean.square() + y_mean.square()) * (s_x + s_y) + EPS)
    flat_x, flat_y = sum_dd == 0, (sum_g == 0) | (sum_g == pixels)
    similar = torch.where(flat_x | flat_y, (flat_x & flat_y).to(similar), similar)
    return (similar * pixels).sum((1, 2)) / (height * width)


def _until(mass: Float[Tensor, "B L"], length: int) -> Float[Tensor, "B L"]:
    """1 up to and with the place of the centroid along an axis, rounded half to even; 0 beyond."""
    place = torch.arange(length, device=mass.device)
    centre = ((mass * place).sum(1) / mass.sum(1).clamp(min=1)).round()
    return (place <= centre[:, None]).to(mass)
