"""Columns of a table of fixations, arranged: by viewing, by image, by the names that were chosen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.types import RegardError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def onsets(image: Ints, subject: Ints, order: Ints, duration: Floats) -> Floats:
    """(N,) the sum of the durations of lower order in the same viewing; all columns are (N,)."""
    rank = np.lexsort((order, subject, image))
    before = np.concatenate([[0.0], np.cumsum(duration[rank])])[:-1]
    viewing = image[rank] * (int(subject.max(initial=0)) + 1) + subject[rank]
    first = np.flatnonzero(np.diff(viewing, prepend=-1))
    start = np.repeat(before[first], np.diff(np.append(first, len(rank))))
    out = np.empty(len(rank))
    out[rank] = before - start
    return out


def padded(image: Ints, rows: Floats, images: int) -> Tensor:
    """(N,k) rows of fixations on M images as (M,n,k), padded with NaN; within an image in the table's order."""
    rank = np.argsort(image, kind="stable")
    count = np.bincount(image, minlength=images)
    column = np.arange(len(image)) - np.repeat(np.cumsum(count) - count, count)
    out = np.full((images, int(count.max(initial=0)), rows.shape[1]), np.nan)
    out[image[rank], column] = rows[rank]
    return torch.from_numpy(out)


def chosen_codes(what: str, chosen: tuple[str, ...], known: tuple[str, ...]) -> tuple[tuple[str, ...], Ints]:
    """Names chosen, and for each known index its place among them (-1: not chosen)."""
    place = {name: k for k, name in enumerate(known)}
    codes = np.full(len(known), -1, dtype=np.int64)
    for k, name in enumerate(chosen):
        if name not in place:
            raise RegardError(f"unknown {what} {name!r}: there are {len(known)}, such as {', '.join(known[:5])}")
        codes[place[name]] = k
    return chosen, codes
