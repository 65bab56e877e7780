"""The slope of performance on similarity, image by image, free of what belongs to the run and to the image.

In the arms k whose map is learned, with runs r of backbones b and images i, both similarity x and performance y lose
the mean of their run (k,r) and the mean of their image over all arms and runs of the backbone. An easy image, on which
maps are close to people and answers right, so adds nothing; a measured difficulty would take away only the part that it
measures. What is left is beta = sum x y / sum x^2, here for one standard deviation of x. Its error is that of the mean
of beta + N x (y - beta x) / sum x^2 over runs and images (`crossed_mean`), times N over the degrees of freedom that
demeaning left. What harms map and answer of one run on one image alike is not taken away: only a dose can tell that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from regard.study.columns import LOWER
from regard.study.conditions import LEARNED
from regard.study.crossed import crossed_mean
from regard.study.estimate import Estimate
from regard.study.panel import Arm, paired
from regard.study.trials import Trials

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Similarity and what it is held against, in K learned arms over the same R runs and I images.

    Attributes:
        x: similarity (K,R,I); up is closer, also for KL.
        y: performance or another column (K,R,I).
        backbone: of each run (R,).
        conditions: the arms (K,).
        difficulty: of each image (I,), to be partialled out; None where it shall not be.
        left_out: what did not pair.
    """

    x: Table
    y: Table
    backbone: NDArray[np.int_]
    conditions: tuple[str, ...] = ()
    difficulty: Table | None = None
    left_out: dict[str, int] = field(default_factory=dict)


def learned_pairs(
    trials: Trials,
    task: str,
    similarity: str,
    column: str = "performance",
    *,
    backbone: str | None = None,
    difficulty: bool = False,
) -> Pairs:
    """Every learned arm of a task that has both numbers.

    Args:
        trials: the table.
        task: the task.
        similarity: a metric.
        column: what it is held against.
        backbone: only this one; all by default.
        difficulty: whether to bring it, on images where it is known.
    """
    frame, empty = trials.frame, np.empty((0, 0, 0))
    nothing = Pairs(empty, empty, np.empty(0, int))
    if similarity not in frame or column not in frame or (difficulty and not trials.has("difficulty")):
        return nothing
    known = frame.loc[(frame["task"] == task) & frame[similarity].notna() & frame[column].notna(), "condition"].unique()
    names = tuple(name for name in LEARNED if name in known)
    if not names:
        return nothing
    k, wanted = len(names), [similarity, column, *(["difficulty"] if difficulty else [])]
    arms, columns = [Arm(name) for name in names] * len(wanted), [c for c in wanted for _ in names]
    panel = paired(trials, task, arms, columns, backbone=backbone)
    x = panel.values[:k] * (-1 if similarity in LOWER else 1)
    hard = panel.values[2 * k :].mean((0, 1)) if difficulty and panel.values.size else None
    return Pairs(x, panel.values[k : 2 * k], panel.backbone, names, hard, panel.left_out)


@dataclass(frozen=True)
class RunMeans:
    """Means over images of K learned arms in the same R runs.

    Attributes:
        x: similarity (K,R); up is closer.
        y: performance (K,R).
        backbone: of each run (R,).
        apart: whether the two were measured on different images, as where people looked at those of another set.
    """

    x: Table
    y: Table
    backbone: NDArray[np.int_]
    apart: bool


def run_means(trials: Trials, task: str, similarity: str) -> RunMeans:
    """Of the images that have both numbers or, where none has, of similarity and performance each on its own images."""
    pairs = learned_pairs(trials, task, similarity)
    if pairs.x.size:
        return RunMeans(pairs.x.mean(2), pairs.y.mean(2), pairs.backbone, False)
    names = [name for name in LEARNED if (task, name, "", None) in trials.arms]
    arms = [Arm(name) for name in names]
    close = [paired(trials, task, [arm], similarity).values.size > 0 for arm in arms]
    arms = [arm for arm, has in zip(arms, close, strict=True) if has]
    if not arms:
        return RunMeans(np.empty((0, 0)), np.empty((0, 0)), np.empty(0, int), False)
    x, y = (paired(trials, task, arms, column) for column in (similarity, "performance"))
    both = np.intersect1d(x.run, y.run)
    found = [panel.values[:, np.isin(panel.run, both)].mean(2) for panel in (x, y)]
    sign = -1 if similarity in LOWER else 1
    return RunMeans(sign * found[0], found[1], x.backbone[np.isin(x.run, both)], bool(len(both)))


def within_slope(pairs: Pairs, *, images: bool = True) -> Estimate:
    """Y for one standard deviation of x within runs; at the same difficulty, if the pairs hold that.

    Args:
        pairs: of `learned_pairs`.
        images: whether to take away each image's own mean.

    No pairs, or a similarity without variance, give NaN.
    """
    arms, runs, count = pairs.x.shape
    nothing = Estimate(math.nan, left_out=pairs.left_out)
    if arms == 0 or runs == 0 or count < 3:
        return nothing
    x, y = (_demeaned(v, pairs.backbone, images) for v in (pairs.x, pairs.y))
    lost = arms * runs + (len(np.unique(pairs.backbone)) * (count - 1) if images else 0)
    if pairs.difficulty is not None:
        d = pairs.difficulty - pairs.difficulty.mean()
        if d @ d > 0:
            x, y = (v - np.einsum("kri,i->kr", v, d)[..., None] * d / (d @ d) for v in (x, y))
            lost += arms * runs
    n, square = x.size, float((x**2).sum())
    free = n - lost - 1
    if free < 1 or square < 1e-20 * n:
        return nothing
    beta = float((x * y).sum()) / square
    pull = (x * (y - beta * x)).sum(0) * (runs * count / square)
    sd = math.sqrt(square / (free + 1))
    found = crossed_mean(beta + pull, pairs.backbone, left_out=pairs.left_out)
    return replace(found, value=beta * sd, parts=tuple((v * sd**2 * n / free, f) for v, f in found.parts))


def _demeaned(values: Table, backbone: NDArray[np.int_], images: bool) -> Table:
    """(K,R,I) without the means of its runs and, within each backbone, of its images."""
    out = values - values.mean(2, keepdims=True)
    if images:
        for b in np.unique(backbone):
            out[:, backbone == b] -= out[:, backbone == b].mean((0, 1))
    return out
