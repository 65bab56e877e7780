"""Trials of several arms, paired: the same runs and the same images in each, and a count of what that left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.study.trials import Trials


@dataclass(frozen=True)
class Arm:
    """One arm of a contrast: a condition at a place, at a dose where it has one."""

    condition: str
    layer: str = ""
    alpha: float | None = None


@dataclass(frozen=True)
class Panel:
    """Values of K arms over the same R runs and I images.

    Attributes:
        values: (K,R,I), finite.
        backbone: (R,) the backbone of each run, as a number.
        left_out: what did not pair and why: seeds that an arm lacks, images with an undefined value in some run.
    """

    values: NDArray[np.float64]
    backbone: NDArray[np.int_]
    left_out: dict[str, int]


def paired(
    trials: Trials,
    task: str,
    arms: Sequence[Arm],
    columns: str | Sequence[str] = "performance",
    *,
    backbone: str | None = None,
) -> Panel:
    """One column in each of several arms (or one column an arm), over what all of them share.

    An image is left out of all arms and runs if any of its values is undefined: what is compared is always the same
    images. Runs are paired by backbone and seed.

    Args:
        trials: the table.
        task: the task; runs and images of two tasks are never paired.
        arms: K arms.
        columns: one for all arms, or K.
        backbone: only this one; all by default.

    Raises:
        Nothing: arms that are absent give an empty panel, (K,0,0).
    """
    columns = [columns] * len(arms) if isinstance(columns, str) else list(columns)
    frame, (net, run, image) = trials.frame, trials.codes
    rows = [trials.arms.get((task, a.condition, a.layer, a.alpha), np.empty(0, int)) for a in arms]
    if backbone is not None:
        at = (frame["backbone"] == backbone).to_numpy()
        rows = [r[at[r]] for r in rows]
    images = np.unique(np.concatenate([image[r] for r in rows]))
    numbers = [frame[c].to_numpy() if c in frame else np.full(len(frame), np.nan) for c in columns]
    rows = [r[np.isfinite(x[r])] for r, x in zip(rows, numbers, strict=True)]  # a run without a value is no run
    every = np.unique(np.concatenate([run[r] for r in rows]))
    shared = every
    for r in rows:
        shared = np.intersect1d(shared, run[r])
    values = np.full((len(arms), len(shared), len(images)), np.nan)
    for k, (r, x) in enumerate(zip(rows, numbers, strict=True)):
        r = r[np.isin(run[r], shared)]
        values[k, np.searchsorted(shared, run[r]), np.searchsorted(images, image[r])] = x[r]
    whole = np.isfinite(values).all((0, 1))  # none missing, where there is no run at all
    left_out = {"runs that an arm lacks": len(every) - len(shared), "images undefined somewhere": int((~whole).sum())}
    backbones = np.zeros(len(shared), int)
    if len(shared):
        first = np.concatenate(rows)
        place = first[np.unique(run[first], return_index=True)[1]]
        backbones = np.unique(net[place], return_inverse=True)[1][np.searchsorted(every, shared)]
    values = values[:, :, whole] if len(shared) else values[:, :, :0]
    return Panel(values, backbones, {k: n for k, n in left_out.items() if n})
