"""Trials of several arms, paired: the same runs and the same images in each, and a count of what that left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.experiments.study.trials import Trials


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
        run: each run's number in the trials (R,).
    """

    values: NDArray[np.float64]
    backbone: NDArray[np.int_]
    left_out: dict[str, int]
    run: NDArray[np.int_]


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
    images. One that no arm has the column of is none of these images, and not counted. Runs are paired by backbone and
    seed. Arms that are absent give an empty panel, (K,0,0).

    Args:
        trials: the table.
        task: the task; runs and images of two tasks are never paired.
        arms: K arms.
        columns: one for all arms, or K.
        backbone: only this one; all by default.
    """
    columns = [columns] * len(arms) if isinstance(columns, str) else list(columns)
    frame, codes = trials.frame, trials.codes
    rows = [trials.arms.get((task, a.condition, a.layer, a.alpha), np.empty(0, int)) for a in arms]
    if backbone is not None:
        at = (frame["backbone"] == backbone).to_numpy()
        rows = [r[at[r]] for r in rows]
    numbers = [frame[c].to_numpy() if c in frame else np.full(len(frame), np.nan) for c in columns]
    rows = [r[np.isfinite(x[r])] for r, x in zip(rows, numbers, strict=True)]  # a run without a value is no run
    images = _flags(codes.image[np.concatenate(rows)], codes.images)
    seen = np.stack([_flags(codes.run[r], len(codes.backbone)) for r in rows])
    shared: NDArray[np.bool_] = np.asarray(seen.all(0))
    of_run, of_image = np.cumsum(shared) - 1, np.cumsum(images) - 1
    values = np.full((len(arms), int(shared.sum()), int(images.sum())), np.nan)
    for k, (r, x) in enumerate(zip(rows, numbers, strict=True)):
        r = r[shared[codes.run[r]]]
        values[k, of_run[codes.run[r]], of_image[codes.image[r]]] = x[r]
    whole = np.isfinite(values).all((0, 1)) & shared.any()
    lost = {"runs that an arm lacks": int((seen.any(0) & ~shared).sum())}
    lost["images undefined somewhere"] = int((~whole).sum()) if shared.any() else 0
    runs = np.flatnonzero(shared)
    return Panel(values[:, :, whole], codes.backbone[runs], {k: n for k, n in lost.items() if n}, runs)


def _flags(found: NDArray[np.int_], count: int) -> NDArray[np.bool_]:
    """(count,) whether each number was found."""
    flags = np.zeros(count, bool)
    flags[found] = True
    return flags
