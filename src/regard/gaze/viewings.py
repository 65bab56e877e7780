"""Scanpaths: the fixations of one viewing in their order. Not here: how alike two are (`regard.metrics.scanpath`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from regard.gaze.fixations import Fixations
from regard.types import RegardError


def scanpaths(fixations: Fixations) -> Mapping[str, Mapping[str, npt.NDArray[np.float64]]]:
    """Image -> observer -> (n,3): x and y in the image's pixels, duration in ms, in the order of the viewing.

    Raises:
        RegardError: two fixations of an observer on an image have the same place in the order, as where several
            viewings have one name.

    >>> from regard.gaze import make_fixations
    >>> gaze = make_fixations(image=["a", "a"], x=[3, 1], y=[2, 4], order=[1, 0], sizes={"a": (6, 8)})
    >>> scanpaths(gaze)["a"]["0"][:, :2].tolist()
    [[1.0, 4.0], [3.0, 2.0]]
    """
    f = fixations
    rank = np.lexsort((f.order, f.subject, f.image))
    viewing = np.stack([f.image[rank], f.subject[rank]], 1)
    starts = np.flatnonzero(np.any(np.diff(viewing, axis=0, prepend=-1), axis=1))
    twice = np.flatnonzero((np.diff(viewing, axis=0) == 0).all(1) & (np.diff(f.order[rank]) == 0))
    if len(twice):
        k = rank[twice[0]]
        raise RegardError(
            f"observer {f.subjects[f.subject[k]]!r} has two fixations with order {f.order[k]} on image "
            f"{f.images[f.image[k]]!r}: a scanpath is one viewing; give each viewing a subject of its own"
        )
    rows = np.stack([f.x, f.y, f.duration], 1)[rank]
    found: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for start, path in zip(starts, np.split(rows, starts[1:]) if len(starts) else [], strict=True):
        image, subject = viewing[start]
        found.setdefault(f.images[image], {})[f.subjects[subject]] = path
    return found
