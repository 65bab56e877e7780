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
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regard.study.columns import LOWER
from regard.study.conditions import LEARNED
from regard.study.crossed import crossed_mean
from regard.study.estimate import Estimate
from regard.study.panel import Arm, Panel, paired
from regard.study.trials import Trials

Table = NDArray[np.float64]


def learned_pairs(
    trials: Trials, task: str, similarity: str, column: str = "performance", backbone: str | None = None
) -> tuple[Panel, tuple[str, ...]]:
    """Similarity (first half of the panel's arms) and `column` (second half) of every learned arm that has both.

    Where less similarity is the larger number (KL), it is negated: up is closer.
    """
    frame = trials.frame
    if similarity not in frame or column not in frame:
        return Panel(np.empty((0, 0, 0)), np.empty(0, int), {}), ()
    known = frame.loc[(frame["task"] == task) & frame[similarity].notna() & frame[column].notna(), "condition"].unique()
    names = tuple(name for name in LEARNED if name in known)
    if not names:
        return Panel(np.empty((0, 0, 0)), np.empty(0, int), {}), ()
    arms = [Arm(name) for name in names]
    panel = paired(trials, task, arms * 2, [similarity] * len(arms) + [column] * len(arms), backbone=backbone)
    if similarity in LOWER:
        panel = replace(panel, values=panel.values * np.repeat([-1.0, 1.0], len(arms))[:, None, None])
    return panel, names


def within_slope(panel: Panel, covariate: Table | None = None, *, images: bool = True) -> Estimate:
    """Performance for one standard deviation of similarity, within runs.

    Args:
        panel: of `learned_pairs`.
        covariate: (I,) a measured difficulty to partial out.
        images: whether to take away each image's own mean.

    An empty panel, or a similarity without variance, gives NaN.
    """
    half, runs, count = len(panel.values) // 2, *panel.values.shape[1:]
    if not half or runs == 0 or count < 3:
        return Estimate(math.nan, left_out=panel.left_out)
    x, y = (_demeaned(v, panel.backbone, images) for v in (panel.values[:half], panel.values[half:]))
    lost = half * runs + (len(np.unique(panel.backbone)) * (count - 1) if images else 0)
    if covariate is not None:
        d = covariate - covariate.mean()
        if d @ d > 0:
            x, y = (v - np.einsum("kri,i->kr", v, d)[..., None] * d / (d @ d) for v in (x, y))
            lost += half * runs
    n, square = x.size, float((x**2).sum())
    free = n - lost - 1
    if free < 1 or square < 1e-20 * n:
        return Estimate(math.nan, left_out=panel.left_out)
    beta = float((x * y).sum()) / square
    pull = (x * (y - beta * x)).sum(0) * (runs * count / square)
    sd = math.sqrt(square / (free + 1))
    found = crossed_mean(beta + pull, panel.backbone, left_out=panel.left_out)
    return replace(found, value=beta * sd, parts=tuple((v * sd**2 * n / free, f) for v, f in found.parts))


def _demeaned(values: Table, backbone: NDArray[np.int_], images: bool) -> Table:
    """(K,R,I) without the means of its runs and, within each backbone, of its images."""
    out = values - values.mean(2, keepdims=True)
    if images:
        for b in np.unique(backbone):
            out[:, backbone == b] -= out[:, backbone == b].mean((0, 1))
    return out
