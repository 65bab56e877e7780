"""All similarities of two scanpaths on one image at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regard.metrics.scanpath.saccades import MULTIMATCH, multimatch
from regard.metrics.scanpath.strings import (
    EDIT_BINS,
    Scanpath,
    cluster_symbols,
    grid_symbols,
    scanmatch,
    sequence_score,
    string_edit,
)

SCANPATH_METRICS = (
    *("sequence_score", "string_edit", "scanmatch", "scanmatch_time"),
    *(f"multimatch_{name}" for name in MULTIMATCH),
)
"""Keys of `scanpath_similarity`; of all of them more is more alike."""
_TIME_MS = 50.0


def scanpath_similarity(
    a: Scanpath, b: Scanpath, size: tuple[int, int], centers: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Every metric of `SCANPATH_METRICS` of two scanpaths; NaN where it is undefined.

    Args:
        a: (n,3) x, y in pixels, duration in ms.
        b: (m,3) likewise.
        size: height and width of the image.
        centers: (k,2) of the clusters of people's fixations on the image (`fixation_clusters`).

    >>> path = np.array([[5.0, 5, 200], [35, 25, 100], [20, 5, 300]])
    >>> set(scanpath_similarity(path, path, (30, 40), path[:, :2]).values())
    {1.0}
    """
    strings = [cluster_symbols(path, centers) for path in (a, b)]
    cells = [grid_symbols(path, size, EDIT_BINS) for path in (a, b)]
    return {
        "sequence_score": sequence_score(*strings),
        "string_edit": string_edit(*cells),
        "scanmatch": scanmatch(a, b, size),
        "scanmatch_time": scanmatch(a, b, size, ms=_TIME_MS),
        **{f"multimatch_{name}": value for name, value in multimatch(a, b, size).items()},
    }
