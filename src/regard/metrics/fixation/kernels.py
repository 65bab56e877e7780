"""Passes over the pixels of a map that numba compiles: extremes and sums, codes among fixated values, sums of two maps.

Images are shared among as many threads as torch has. None of it goes through torch's own threads, which keep a core
busy for a while after each operation. On a GPU torch does the same ([`codes`](codes.py), [`scores`](scores.py)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.metrics.compiled import compiled, each_image

_CHUNK = 2048
"""Pixels whose keys, or logarithms, are made at once."""
_LANES = 4
"""Counts of neighbouring pixels are kept apart: mostly of one code, each addition would wait for the last one."""


def look_over(flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Smallest value, largest value and sum of each map: three of (B,), in its own type, and the sum in float64.

    Args:
        flat: (B,hw) values on the processor, float32 or float64. The sum of one with a NaN or an infinity is not
            finite, and its extremes mean nothing.

    >>> [value.item() for value in look_over(torch.tensor([[1.0, 3.0]]))]
    [1.0, 3.0, 4.0]
    """
    values = flat.numpy()
    low, high, total = (np.empty(len(flat), kind) for kind in (values.dtype, values.dtype, np.float64))
    extremes, add = compiled(_extremes, finite=True), compiled(_total)

    def one(b: int) -> None:
        low[b], high[b] = extremes(values[b])
        total[b] = add(values[b])

    each_image(one, len(flat))
    return torch.from_numpy(low), torch.from_numpy(high), torch.from_numpy(total)


def add_codes(
    flat: Tensor,
    ordered: list[Any],
    weights: Any,
    span: tuple[Tensor, Tensor],
    *,
    levels: int,
    bits: int,
    octaves: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """How many pixels have each code (B,levels), the sum of the codes (B,), and the sum weighted (B,).

    Args:
        flat: (B,hw) values on the processor, float32 or float64.
        ordered: of each image the fixated values in rising order, as an array of that type.
        weights: array (1 or B,hw) of float64; None for zeros.
        span: smallest and largest values (B,).
        levels: more than twice the number of fixated values.
        bits: of the table that finds a pixel's place.
        octaves: what lies so many below the maximum shares one place of the table.

    >>> flat, span = torch.tensor([[0.0, 1.0, 2.0]]), (torch.tensor([0.0]), torch.tensor([2.0]))
    >>> ordered = [np.array([1.0, 1.0], dtype=np.float32)]
    >>> counts, total, _ = add_codes(flat, ordered, None, span, levels=5, bits=4, octaves=24)
    >>> counts.tolist(), total.tolist()
    ([[1, 0, 1, 0, 1]], [6])
    """
    values, low, high = flat.numpy(), span[0].numpy(), span[1].numpy()
    counts, total, weighted = (
        np.zeros((len(flat), levels), np.int64),
        np.zeros(len(flat), np.int64),
        np.zeros(len(flat)),
    )
    weights = np.empty((1, 0)) if weights is None else weights
    run = compiled(_codes)

    def one(b: int) -> None:
        weight = weights[b if len(weights) > 1 else 0]
        total[b], weighted[b] = run(values[b], ordered[b], weight, low[b], high[b], bits, octaves, counts[b])

    each_image(one, len(flat))
    return torch.from_numpy(counts), torch.from_numpy(total), torch.from_numpy(weighted)


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
    a, b, (first, second), scale = p.numpy(), g.numpy(), means.numpy(), ratio.numpy()
    out = np.empty((5, len(p)))
    squares, divide, add = compiled(_squares), compiled(_divide), compiled(_product)

    def one(k: int) -> None:
        out[:4, k] = squares(a[k], b[k], first[k], second[k], scale[k])
        log = np.empty(a.shape[1])
        divide(b[k], a[k], eps, log)
        np.log(log, out=log)  # of numpy, which takes several at once, as a compiled loop does not
        out[4, k] = add(b[k], log, eps)

    each_image(one, len(p))
    return torch.from_numpy(out)


def _extremes(flat: Any) -> Any:
    low, high = flat[0], flat[0]
    for i in range(len(flat)):
        low = min(low, flat[i])
        high = max(high, flat[i])
    return low, high


def _total(flat: Any) -> float:
    total = 0.0
    for i in range(len(flat)):
        total += flat[i]
    return total


def _codes(
    flat: Any, ordered: Any, weights: Any, low: float, high: float, bits: int, octaves: int, counts: Any
) -> tuple[int, float]:
    """A monotone integer key of each pixel finds its place among the fixated values.

    The key is the bit pattern of float32(pixel - minimum), cut to ``bits``: monotone, and fine near zero, where skewed
    maps crowd. Where a key holds no fixated value, the code is known; else it is searched among those that it holds.
    """
    n, hw, levels = len(ordered), len(flat), len(counts)
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
    lanes = np.zeros((_LANES, levels), np.int64)
    total, weighted = 0, 0.0
    for first in range(0, hw, _CHUNK):
        count = min(_CHUNK, hw - first)
        for i in range(count):
            number[i] = flat[first + i] - low
        for i in range(count):
            pattern[i] = (max(pattern[i], base) - base) >> shift
        for i in range(count):
            left, end = start[pattern[i]], start[pattern[i] + 1]
            right = left
            if left < end:
                value = flat[first + i]
                while left < end:
                    middle = (left + end) >> 1
                    if ordered[middle] < value:
                        left = middle + 1
                    else:
                        end = middle
                right, end = left, start[pattern[i] + 1]
                while right < end:
                    middle = (right + end) >> 1
                    if ordered[middle] <= value:
                        right = middle + 1
                    else:
                        end = middle
            code = left + right
            lanes[i % _LANES, code] += 1
            total += code
            if len(weights) > 0:
                weighted += weights[first + i] * code
    for lane in range(_LANES):
        for code in range(levels):
            counts[code] += lanes[lane, code]
    return total, weighted


def _squares(p: Any, g: Any, mean_p: float, mean_g: float, ratio: float) -> tuple[float, float, float, float]:
    square_p, square_g, product, shared = 0.0, 0.0, 0.0, 0.0
    for i in range(len(p)):
        a, b = p[i] - mean_p, g[i] - mean_g
        square_p += a * a
        square_g += b * b
        product += a * b
        shared += min(p[i] * ratio, g[i])
    return square_p, square_g, product, shared


def _divide(above: Any, below: Any, eps: float, out: Any) -> None:
    for i in range(len(out)):
        out[i] = (above[i] + eps) / (below[i] + eps)


def _product(gold: Any, log: Any, eps: float) -> float:
    total = 0.0
    for i in range(len(log)):
        total += (gold[i] + eps) * log[i]
    return total
