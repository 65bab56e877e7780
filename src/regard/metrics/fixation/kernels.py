"""Passes over the pixels of a map that numba compiles: ranks among fixated values, and sums of two maps.

Images are shared among as many threads as torch has. On a GPU torch does the same ([`codes`](auc.py),
[`pixel_sums`](scores.py)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.metrics.compiled import compiled, each_image

_CHUNK = 2048  # pixels whose keys are made at once


def rank_pixels(flat: Tensor, ordered: list[Any], out: Tensor, *, bits: int, octaves: int) -> None:
    """Writes left + right of each pixel among its image's fixated values: see `codes` of `auc`.

    Args:
        flat: (B,hw) values on the processor, float32 or float64.
        ordered: of each image the fixated values in rising order, as an array of that type.
        out: (B,hw) int32.
        bits: of the table that finds a pixel's place.
        octaves: what lies so many below the maximum shares one place of the table.

    >>> out = torch.empty(1, 3, dtype=torch.int32)
    >>> rank_pixels(torch.tensor([[0.0, 1.0, 2.0]]), [np.array([1.0, 1.0], dtype=np.float32)], out, bits=4, octaves=24)
    >>> out.tolist()
    [[0, 2, 4]]
    """
    values, codes, run = flat.numpy(), out.numpy(), compiled(_rank)
    each_image(lambda b: run(values[b], ordered[b], codes[b], bits, octaves), len(values))


def sum_pixels(p: Tensor, g: Tensor, means: Tensor, ratio: Tensor, eps: float) -> Tensor:
    """Per image, the centred squares of both, the centred product, the sum of the smaller density, KL's sum: (5,B).

    Args:
        p: (B,hw) float64 on the processor.
        g: (B,hw), the same.
        means: (2,B) of both.
        ratio: (B,) by which p is multiplied to have the sum of g.
        eps: that KL adds to both.

    >>> p = torch.tensor([[0.0, 2.0]], dtype=torch.float64)
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> sum_pixels(p, p, one.expand(2, 1), one, 1e-20)[:, 0].tolist()
    [2.0, 2.0, 2.0, 2.0, 0.0]
    """
    out = torch.empty(len(p), 5, dtype=torch.float64)
    a, b, into, run = p.numpy(), g.numpy(), out.numpy(), compiled(_sums)
    first, second = means.numpy()
    scale = ratio.numpy()
    each_image(lambda k: run(a[k], b[k], first[k], second[k], scale[k], eps, into[k]), len(p))
    return out.T


def _rank(flat: Any, ordered: Any, out: Any, bits: int, octaves: int) -> None:
    """A monotone integer key of each pixel finds its place among the fixated values.

    The key is the bit pattern of float32(pixel - minimum), cut to ``bits``: monotone, and fine near zero, where skewed
    maps crowd. Where a key holds no fixated value, the place is known; else it is searched among those that it holds.
    """
    n, hw = len(ordered), len(flat)
    low, high = flat[0], flat[0]
    for i in range(hw):
        low = min(low, flat[i])
        high = max(high, flat[i])
    number = np.empty(max(_CHUNK, n), np.float32)
    pattern = number.view(np.int32)
    number[0] = high - low
    top = pattern[0]
    base = max(top - (octaves << 23), 0)  # 23 bits of mantissa
    shift = 0
    while ((top - base) >> shift) >= (1 << bits):
        shift += 1
    start = np.zeros(((top - base) >> shift) + 2, np.int32)
    for i in range(n):
        number[i] = ordered[i] - low
    for i in range(n):
        start[((max(pattern[i], base) - base) >> shift) + 1] += 1
    for k in range(1, len(start)):
        start[k] += start[k - 1]
    for first in range(0, hw, _CHUNK):
        count = min(_CHUNK, hw - first)
        for i in range(count):
            number[i] = flat[first + i] - low
        for i in range(count):
            key = (max(pattern[i], base) - base) >> shift
            left, end = start[key], start[key + 1]
            right = left
            if left < end:
                value = flat[first + i]
                while left < end:
                    middle = (left + end) >> 1
                    if ordered[middle] < value:
                        left = middle + 1
                    else:
                        end = middle
                right, end = left, start[key + 1]
                while right < end:
                    middle = (right + end) >> 1
                    if ordered[middle] <= value:
                        right = middle + 1
                    else:
                        end = middle
            out[first + i] = left + right


def _sums(p: Any, g: Any, mean_p: float, mean_g: float, ratio: float, eps: float, out: Any) -> None:
    square_p, square_g, product, shared, cross = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(p)):
        a, b = p[i] - mean_p, g[i] - mean_g
        square_p += a * a
        square_g += b * b
        product += a * b
        shared += min(p[i] * ratio, g[i])
    for i in range(len(p)):
        gold = g[i] + eps
        cross += gold * np.log(gold / (p[i] + eps))
    out[0], out[1], out[2], out[3], out[4] = square_p, square_g, product, shared, cross
