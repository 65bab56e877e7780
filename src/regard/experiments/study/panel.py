"""Trials of several arms, paired: the same runs and images in each, and a count of what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.trials import Trials

ALL_BACKBONES = "all"
"""In place of a backbone's name: all of them, or the mean over them."""


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
        left_out: reason -> number: runs that a condition lacks, images with an undefined value in some run.
        run: each run's number in the trials (R,).
    """

    values: NDArray[np.float64]
    backbone: NDArray[np.int_]
    left_out: dict[str, int]
    run: NDArray[np.int_]

    def mean(self, arm: int = 0) -> Estimate:
        """Mean of one arm over runs and images."""
        return self.mean_of(self.values[arm])

    def difference(self) -> Estimate:
        """Mean of the first arm minus the second."""
        return self.mean_of(self.values[0] - self.values[1])

    def mean_of(self, values: NDArray[np.float64]) -> Estimate:
        """Mean of something computed from the values (R,I)."""
        return crossed_mean(values, self.backbone, left_out=self.left_out)


def paired(
    trials: Trials,
    task: str,
    arms: Sequence[Arm],
    columns: str | Sequence[str] = "performance",
    *,
    backbone: str = ALL_BACKBONES,
) -> Panel:
    """One column of each of several arms (or one column per arm), over the runs and images that all of them share.

    An image is left out of all arms and runs if any of its values is undefined, so that the same images are compared;
    an image without the column in any arm is not counted. Runs are paired by backbone and seed. Absent arms give an
    empty panel, (K,0,0). With a `backbone`, only its runs.
    """
    columns = [columns] * len(arms) if isinstance(columns, str) else list(columns)
    frame, codes = trials.frame, trials.codes
    rows = [trials.arms.get((task, a.condition, a.layer, a.alpha), np.empty(0, int)) for a in arms]
    if backbone != ALL_BACKBONES:
        at = (frame["backbone"] == backbone).to_numpy()
        rows = [r[at[r]] for r in rows]
    numbers = [frame[c].to_numpy() if c in frame else np.full(len(frame), np.nan) for c in columns]
    rows = [r[np.isfinite(x[r])] for r, x in zip(rows, numbers, strict=True)]  # runs without any value are absent
    images = _flags(codes.image[np.concatenate(rows)], codes.images)
    present = np.stack([_flags(codes.run[r], len(codes.backbone)) for r in rows])
    shared: NDArray[np.bool_] = np.asarray(present.all(0))
    of_run, of_image = np.cumsum(shared) - 1, np.cumsum(images) - 1
    values = np.full((len(arms), int(shared.sum()), int(images.sum())), np.nan)
    for k, (r, x) in enumerate(zip(rows, numbers, strict=True)):
        r = r[shared[codes.run[r]]]
        values[k, of_run[codes.run[r]], of_image[codes.image[r]]] = x[r]
    defined = np.isfinite(values).all((0, 1)) & shared.any()
    left_out = {"runs that a condition lacks": int((present.any(0) & ~shared).sum())}
    left_out["images undefined somewhere"] = int((~defined).sum()) if shared.any() else 0
    runs = np.flatnonzero(shared)
    return Panel(values[:, :, defined], codes.backbone[runs], {k: n for k, n in left_out.items() if n}, runs)


def _flags(numbers: NDArray[np.int_], count: int) -> NDArray[np.bool_]:
    """(count,) whether each number occurs."""
    flags = np.zeros(count, bool)
    flags[numbers] = True
    return flags
