"""Scanpaths as strings of places, and how alike two strings are: string edit, sequence score, ScanMatch.

A string has one symbol per fixation: the cell of a grid, or the cluster of people's fixations that is nearest. All
three scores are alignments of two strings, found by one recursion (Needleman & Wunsch 1970).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from regard.metrics.compiled import compiled
from regard.types import RegardError

Scanpath = npt.NDArray[np.float64]
"""(n,3): x and y in pixels, duration in ms (NaN where unknown) of each fixation, in their order."""
Symbols = npt.NDArray[np.int64]

EDIT_BINS = (5, 5)
"""Rows and columns of the grid of `string_edit`."""
SCANMATCH_BINS = (8, 12)
"""Rows and columns of the grid of `scanmatch`."""
SCANMATCH_THRESHOLD = 3.5
"""Cells of that grid from which on two fixations count as different places; the toolbox's default."""


def grid_symbols(path: Scanpath, size: tuple[int, int], bins: tuple[int, int]) -> Symbols:
    """(n,) number of the cell of each fixation, row by row, in a grid of ``bins`` (rows, columns) on the image.

    >>> grid_symbols(np.array([[0.0, 0, 100], [39.9, 29.9, 80]]), (30, 40), (2, 2)).tolist()
    [0, 3]
    """
    column = np.minimum(np.floor(path[:, 0] * bins[1] / size[1]), bins[1] - 1)
    row = np.minimum(np.floor(path[:, 1] * bins[0] / size[0]), bins[0] - 1)
    return np.asarray(row * bins[1] + column, dtype=np.int64)


def cluster_symbols(path: Scanpath, centers: npt.NDArray[np.float64]) -> Symbols:
    """(n,) number of the nearest of the ``centers`` (k,2) of each fixation."""
    distance = np.square(path[:, None, :2] - centers).sum(2)
    return np.asarray(distance.argmin(1), dtype=np.int64)


def fixation_clusters(points: npt.NDArray[np.float64], bandwidth: float) -> npt.NDArray[np.float64]:
    """Centres (k,2) of the clusters of fixations ``points`` (n,2), by mean shift with a flat kernel of this radius."""
    from sklearn.cluster import MeanShift

    seeds = np.unique(np.rint(points / bandwidth), axis=0) * bandwidth  # near points would end in the same cluster
    return np.asarray(MeanShift(bandwidth=bandwidth, seeds=seeds).fit(points).cluster_centers_, dtype=np.float64)


def string_edit(a: Symbols, b: Symbols) -> float:
    """1 - (fewest insertions, deletions and replacements that make one string the other) / length of the longer.

    Source: Levenshtein (1966), with grids of cells since Brandt & Stark (1997). NaN where a string is empty.

    >>> string_edit(np.array([1, 2, 3]), np.array([1, 3]))
    0.6666666666666667
    """
    if not len(a) or not len(b):
        return float("nan")
    kinds = int(max(a.max(), b.max())) + 1
    return 1 + _align(a, b, np.eye(kinds) - 1, -1.0) / max(len(a), len(b))


def sequence_score(a: Symbols, b: Symbols) -> float:
    """Length of the longest common subsequence of two strings of clusters, divided by that of the longer string.

    Source: Yang et al., *Predicting Goal-directed Human Attention Using Inverse Reinforcement Learning* (CVPR 2020).
    NaN where a string is empty.

    >>> sequence_score(np.array([0, 2, 1, 0]), np.array([2, 0]))
    0.5
    """
    if not len(a) or not len(b):
        return float("nan")
    kinds = int(max(a.max(), b.max())) + 1
    return _align(a, b, np.eye(kinds), 0.0) / max(len(a), len(b))


def scanmatch(a: Scanpath, b: Scanpath, size: tuple[int, int], *, ms: float | None = None) -> float:
    """Similarity of two scanpaths in a grid of 12 x 8 cells, near cells being nearly alike: 1 for the same string.

    The alignment's sum of (threshold - distance in cells) over its pairs, gaps cost nothing, divided by the threshold
    and the length of the longer string.

    Args:
        a: one scanpath.
        b: another.
        size: height and width of the image.
        ms: a fixation counts once per so many milliseconds, at least once; None: once, whatever its duration.

    Source: Cristino et al., *ScanMatch* (Behavior Research Methods 2010), with the toolbox's defaults, which leave
    durations out; 50 ms is usual where they count. NaN where a path is empty, or a duration is needed and unknown.

    >>> path = np.array([[5.0, 5, 200], [35, 25, 100]])
    >>> scanmatch(path, path, (30, 40)), round(scanmatch(path, path[:1], (30, 40)), 3)
    (1.0, 0.5)
    """
    strings = []
    for path in (a, b):
        symbols = grid_symbols(path, size, SCANMATCH_BINS)
        if ms is not None:
            if np.isnan(path[:, 2]).any():
                return float("nan")
            symbols = np.repeat(symbols, np.maximum(np.rint(path[:, 2] / ms), 1).astype(np.int64))
        strings.append(symbols)
    longer = max(len(symbols) for symbols in strings)
    if not min(len(symbols) for symbols in strings):
        return float("nan")
    return _align(strings[0], strings[1], _nearness(), 0.0) / (SCANMATCH_THRESHOLD * longer)


@lru_cache(maxsize=1)
def _nearness() -> npt.NDArray[np.float64]:
    """(cells,cells): the threshold minus the distance of two cells."""
    rows, columns = SCANMATCH_BINS
    place = np.stack(np.divmod(np.arange(rows * columns), columns), 1)
    return SCANMATCH_THRESHOLD - np.sqrt(np.square(place[:, None] - place).sum(2))


def _align(a: Symbols, b: Symbols, worth: npt.NDArray[np.float64], gap: float) -> float:
    if a.ndim != 1 or b.ndim != 1:
        raise RegardError(f"strings of symbols are (n,), not {a.shape} and {b.shape}")
    return float(compiled(_best)(a, b, worth, gap))


def _best(a: Any, b: Any, worth: Any, gap: float) -> Any:
    """The largest sum over an alignment of ``worth`` of its pairs and ``gap`` of what has no partner."""
    row = gap * np.arange(len(b) + 1)
    for i in range(len(a)):
        diagonal, row[0] = row[0], gap * (i + 1)
        for j in range(len(b)):
            both = diagonal + worth[a[i], b[j]]
            diagonal = row[j + 1]
            row[j + 1] = max(both, max(diagonal, row[j]) + gap)
    return row[len(b)]
