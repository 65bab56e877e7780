"""MultiMatch: two scanpaths as sequences of saccades, compared in shape, direction, length, position and duration."""

from __future__ import annotations

from typing import Any

import numpy as np

from regard.metrics.compiled import compiled
from regard.metrics.scanpath.strings import Scanpath

MULTIMATCH = ("shape", "direction", "length", "position", "duration")
_SHORTEST = 3  # fixations


def multimatch(a: Scanpath, b: Scanpath, size: tuple[int, int]) -> dict[str, float]:
    """Similarity of two scanpaths in five respects, each from 0 to 1, which is the same.

    Saccades are paired along the way through all pairs that has the smallest sum of |u - v|; of two ways of one sum,
    the one that leaves fewer saccades alone. Then 1 minus the median over the pairs of: shape |u - v| / 2d, direction
    angle / pi, length ||u| - |v|| / d, position |start - start| / d, duration |s - t| / max(s, t) of the fixations at
    their starts, where d is the diagonal of the image. Scanpaths are not simplified. A saccade of length zero has
    direction zero.

    Args:
        a: one scanpath.
        b: another.
        size: height and width of the image.

    Source: Jarodzka et al. (ETRA 2010), Dewhurst et al. (Behavior Research Methods 2012). NaN where a scanpath has
    fewer than three fixations, and for the duration where one is unknown.

    >>> path = np.array([[5.0, 5, 200], [35, 25, 100], [20, 5, 300]])
    >>> multimatch(path, path + [3, 4, 0], (300, 400))
    {'shape': 1.0, 'direction': 1.0, 'length': 1.0, 'position': 0.99, 'duration': 1.0}
    """
    if min(len(a), len(b)) < _SHORTEST:
        return dict.fromkeys(MULTIMATCH, float("nan"))
    rows, columns = compiled(_cheapest)(a, b)
    found = compiled(_similar)(a, b, rows, columns, float(np.hypot(*size)))
    values = dict(zip(MULTIMATCH, found.tolist(), strict=True))
    unknown = np.isnan(a[rows, 2]).any() or np.isnan(b[columns, 2]).any()
    return values | {"duration": float("nan")} if unknown else values


def _similar(a: Any, b: Any, rows: Any, columns: Any, diagonal: float) -> Any:
    """(5,) 1 minus the median over the pairs of saccades ``rows`` (k,) and ``columns`` (k,)."""
    found, out = np.empty((5, len(rows))), np.empty(5)
    for k in range(len(rows)):
        i, j = rows[k], columns[k]
        ux, uy, vx, vy = a[i + 1, 0] - a[i, 0], a[i + 1, 1] - a[i, 1], b[j + 1, 0] - b[j, 0], b[j + 1, 1] - b[j, 1]
        turn = abs(np.arctan2(uy, ux) - np.arctan2(vy, vx))
        longer = max(a[i, 2], b[j, 2])
        found[0, k] = np.sqrt((ux - vx) ** 2 + (uy - vy) ** 2) / (2 * diagonal)
        found[1, k] = min(turn, 2 * np.pi - turn) / np.pi
        found[2, k] = abs(np.sqrt(ux * ux + uy * uy) - np.sqrt(vx * vx + vy * vy)) / diagonal
        found[3, k] = np.sqrt((a[i, 0] - b[j, 0]) ** 2 + (a[i, 1] - b[j, 1]) ** 2) / diagonal
        found[4, k] = abs(a[i, 2] - b[j, 2]) / longer if longer > 0 else 0.0
    for r in range(5):
        out[r] = 1 - np.median(found[r])
    return out


def _cheapest(a: Any, b: Any) -> Any:
    """Indices (k,) and (k,) of saccades along the cheapest way from the first of both to the last of both."""
    n, m = len(a) - 1, len(b) - 1
    total = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            x = a[i + 1, 0] - a[i, 0] - b[j + 1, 0] + b[j, 0]
            y = a[i + 1, 1] - a[i, 1] - b[j + 1, 1] + b[j, 1]
            if i and j:
                before = min(total[i - 1, j - 1], min(total[i - 1, j], total[i, j - 1]))
            elif i:
                before = total[i - 1, j]
            elif j:
                before = total[i, j - 1]
            else:
                before = 0.0
            total[i, j] = before + np.sqrt(x * x + y * y)
    rows, columns = np.empty(n + m, np.int64), np.empty(n + m, np.int64)
    i, j, k = n - 1, m - 1, n + m
    while True:
        k -= 1
        rows[k], columns[k] = i, j
        if not i and not j:
            return rows[k:], columns[k:]
        if i and j and total[i - 1, j - 1] <= min(total[i - 1, j], total[i, j - 1]):
            i, j = i - 1, j - 1
        elif i and (not j or total[i - 1, j] <= total[i, j - 1]):
            i -= 1
        else:
            j -= 1
