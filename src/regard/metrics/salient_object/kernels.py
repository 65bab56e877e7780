"""Passes over the pixels of one image that numba compiles: all sums that salient-object metrics are made of.

On a GPU torch does the same ([`curves`](curves.py), [`weighted_f`](weighted_f.py), [`s_measure`](s_measure.py)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.metrics.compiled import compiled, each_image

_FADE, _REACH, _SIGMA = 5.0, 3, 5.0
_SAME = 40_000
"""Squared distance from which on 2 - 2^(-distance / 5) counts as 2, from which it differs by 1e-12."""


def weighted_sums(prediction: Tensor, masks: Tensor) -> Tensor:
    """Per image, the weighted errors inside and outside the object: (2,B) float64; see `weighted_f`.

    Args:
        prediction: (B,H,W) float32 or float64, on the processor.
        masks: (B,H,W) bool.

    >>> m = torch.tensor([[[True, True, False]]])
    >>> weighted_sums(m.double(), m).tolist()
    [[0.0], [0.0]]
    """
    x, inside = prediction.contiguous().numpy(), masks.contiguous().numpy()
    out = np.zeros((len(x), 2))
    far, blur, run = _importance(), _gaussian(), compiled(_weighted)
    each_image(lambda b: run(x[b], inside[b], far, blur, out[b]), len(x))
    return torch.from_numpy(out).T


def level_histogram(prediction: Tensor, masks: Tensor) -> Tensor:
    """(B,2,256) int64: pixels of each level floor(255 p), outside and inside of the mask; see `level_counts`.

    Args:
        prediction: (B,H,W) float32 or float64, on the processor.
        masks: (B,H,W) bool.

    >>> level_histogram(torch.tensor([[[0.5, 1.0]]]), torch.tensor([[[False, True]]])).nonzero().tolist()
    [[0, 0, 127], [0, 1, 255]]
    """
    x, inside = prediction.contiguous().numpy(), masks.contiguous().numpy()
    out, run = np.zeros((len(x), 2, 256), dtype=np.int64), compiled(_levels)
    top = x.dtype.type(255)
    each_image(lambda b: run(x[b], inside[b], top, out[b]), len(x))
    return torch.from_numpy(out)


def structure_sums(prediction: Tensor, masks: Tensor, thresholds: Tensor) -> Tensor:
    """Per image the sums that the S-measure, the mean error and F and E at one threshold need: (28,B) float64.

    Error; pixels at or above the threshold, inside and outside; pixels of the object, their sum and the squares around
    their mean; sum and squares of the rest; then five of each quarter around the object's centroid (upper left, upper
    right, lower left, lower right): pixels, and sums of d, g, d g, d^2, where d is the difference to the value in the
    image's corner that the quarter holds.

    Args:
        prediction: (B,H,W) float32 or float64, on the processor.
        masks: (B,H,W) bool.
        thresholds: (B,) float64.

    >>> m = torch.tensor([[[True, False]]])
    >>> structure_sums(m.double(), m, torch.tensor([0.5], dtype=torch.float64))[:4, 0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    x, inside, limits = prediction.contiguous().numpy(), masks.contiguous().numpy(), thresholds.numpy()
    out, run = np.zeros((len(x), 28)), compiled(_structure)
    each_image(lambda b: run(x[b], inside[b], limits[b], out[b]), len(x))
    return torch.from_numpy(out).T


def _importance() -> Any:
    near = 2 - np.exp2(-np.sqrt(np.arange(_SAME)) / _FADE)
    return np.append(near, 2.0)


def _gaussian() -> Any:
    """From the middle outwards: 7 places, sigma 5, normalised, as MATLAB's fspecial."""
    kernel = np.exp(-np.square(np.arange(-_REACH, _REACH + 1.0)) / (2 * _SIGMA**2))
    return (kernel / kernel.sum())[_REACH:]


def _levels(x: Any, inside: Any, top: Any, out: Any) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[np.intp(inside[i, j]), np.intp(x[i, j] * top)] += 1


def _structure(x: Any, inside: Any, threshold: float, out: Any) -> None:
    height, width = x.shape
    error, hits, alarms, count, total, within, down, across = 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0
    for i in range(height):
        row_total, row_within, row_error, row_count, row_across = 0.0, 0.0, 0.0, 0, 0
        for j in range(width):
            p, g = np.float64(x[i, j]), inside[i, j]
            above = p >= threshold
            row_total += p
            row_within += p if g else 0.0
            row_error += 1 - p if g else p
            row_count += g
            row_across += j if g else 0
            hits += int(above and g)
            alarms += int(above and not g)
        total += row_total
        within += row_within
        error += row_error
        count += row_count
        across += row_across
        down += i * row_count
    rest = height * width - count
    mean_in, mean_out = within / max(count, 1), (total - within) / max(rest, 1)
    rows, columns = np.rint(down / max(count, 1)) + 1, np.rint(across / max(count, 1)) + 1
    square_in, square_out = 0.0, 0.0
    for v in range(2):
        top, bottom = (0, min(int(rows), height)) if v == 0 else (min(int(rows), height), height)
        for h in range(2):
            left, right = (0, min(int(columns), width)) if h == 0 else (min(int(columns), width), width)
            corner = np.float64(x[(height - 1) * v, (width - 1) * h])
            sum_d, sum_dd, sum_g, sum_dg = 0.0, 0.0, 0, 0.0
            for i in range(top, bottom):
                for j in range(left, right):
                    p, g = np.float64(x[i, j]), inside[i, j]
                    d = p - corner
                    sum_d += d
                    sum_dd += d * d
                    sum_g += g
                    sum_dg += d if g else 0.0
                    away = p - (mean_in if g else mean_out)
                    square_in += away * away if g else 0.0
                    square_out += 0.0 if g else away * away
            quarter = 8 + 5 * (2 * v + h)
            out[quarter] = (bottom - top) * (right - left)
            out[quarter + 1], out[quarter + 2] = sum_d, sum_g
            out[quarter + 3], out[quarter + 4] = sum_dg, sum_dd
    out[0], out[1], out[2], out[3] = error, hits, alarms, count
    out[4], out[5], out[6], out[7] = within, square_in, total - within, square_out


def _weighted(x: Any, inside: Any, far: Any, blur: Any, out: Any) -> None:
    """Distances by two passes, exact (Meijster et al. 2000); of several nearest pixels the leftmost, then topmost."""
    height, width = x.shape
    near = np.empty((height, width), np.int32)  # the row of the nearest object pixel of each column
    last = np.full(width, -1, np.int32)
    top, bottom = height, -1
    for i in range(height):
        occupied = False
        for j in range(width):
            last[j] = i if inside[i, j] else last[j]
            near[i, j] = last[j]
            occupied |= inside[i, j]
        if occupied:
            top, bottom = min(top, i), i
    if bottom < 0:
        return
    left, right = width, -1
    for j in range(width):
        if last[j] >= 0:
            left, right = min(left, j), j
    last[:] = 2 * height + width  # further than any pixel
    for i in range(height - 1, -1, -1):
        for j in range(width):
            last[j] = i if inside[i, j] else last[j]
            above = near[i, j]
            near[i, j] = last[j] if above < 0 or last[j] - i < i - above else above
    first, end = max(top - 3, 0), min(bottom + 4, height)
    start, stop = max(left - 3, 0), min(right + 4, width)
    passed = np.zeros((end - first, width))  # errors, averaged along rows
    line = np.zeros(width + 6)
    place, begin = np.empty(width, np.int64), np.empty(width, np.int64)
    square = np.empty(width, np.int64)
    limit, own, false = len(far) - 1, 0.0, 0.0
    for i in range(height):
        q = -1
        for j in range(left, right + 1):
            if last[j] >= height:  # no object in this column
                continue
            square[j] = np.int64(near[i, j] - i) * (near[i, j] - i)
            entry = 0
            while q >= 0:
                k, b = place[q], begin[q]
                if (b - k) * (b - k) + square[k] > (b - j) * (b - j) + square[j]:
                    q -= 1
                    continue
                # both are whole numbers below 2^53, so that the quotient rounds to no other whole number
                entry = 1 + int(np.floor(np.float64(j * j - k * k + square[j] - square[k]) / (2 * (j - k))))
                break
            if q < 0 or entry < width:
                q += 1
                place[q], begin[q] = j, entry
        blurred = first <= i < end
        for part in range(q + 1):  # columns with one nearest column
            k, since = place[part], begin[part]
            until = begin[part + 1] if part < q else width
            away = square[k]
            for j in range(since, until):
                apart = (j - k) * (j - k) + away
                false += 0.0 if inside[i, j] else x[i, j] * far[min(apart, limit)]
            if blurred:
                error = 1 - np.float64(x[near[i, k], k])
                for j in range(max(since, start), min(until, stop)):
                    line[j + 3] = error
        if blurred:
            for j in range(left, right + 1):
                passed[i - first, j] = (
                    line[j + 3] * blur[0]
                    + (line[j + 2] + line[j + 4]) * blur[1]
                    + (line[j + 1] + line[j + 5]) * blur[2]
                    + (line[j] + line[j + 6]) * blur[3]
                )
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            if inside[i, j]:
                average = passed[i - first, j] * blur[0]
                for shift in range(1, 4):
                    if i - shift >= first:
                        average += passed[i - shift - first, j] * blur[shift]
                    if i + shift < end:
                        average += passed[i + shift - first, j] * blur[shift]
                own += min(1 - np.float64(x[i, j]), average)
    out[0], out[1] = own, false
