"""Paired statistics of arms: means over seeds and images, differences, ratios of errors, and Holm's correction.

Seeds and images are both samples, and all seeds judge the same images. With two seeds or more `crossed_mean` joins both
sources of error, so that an arm whose images all agree has the t interval of its seeds. With one seed there are images
alone: the interval then says what other images would change, nothing of what another training would, and no test is
made of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from regard.study.crossed import crossed_mean
from regard.study.estimate import Estimate

Values = NDArray[np.float64]


def mean_of(values: Values) -> Estimate:
    """Mean over seeds and images.

    Args:
        values: (R,I), NaN where undefined; an image that is undefined with any seed is left out.

    >>> round(mean_of(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).high, 4)  # 2 + t(2) / sqrt(3)
    4.4841
    """
    whole = np.isfinite(values).all(0)
    lost = {"undefined": int((~whole).sum())} if not whole.all() else {}
    values = values[:, whole].astype(float)
    if len(values) != 1:
        return crossed_mean(values, left_out=lost)
    images = values.shape[1]
    if images < 2:
        return Estimate(float(values.mean()) if images else math.nan, (), 1, 1, images, lost)
    parts = ((float(values.var(ddof=1)) / images, float(images - 1)),)
    return Estimate(float(values.mean()), parts, 1, 1, images, lost)


def mean_of_numbers(numbers: Sequence[float]) -> Estimate:
    """Mean over seeds of what is one number a run, with its t interval; none with one seed."""
    found = np.asarray(numbers, float)
    runs = len(found)
    parts = ((float(found.var(ddof=1)) / runs, runs - 1.0),) if runs > 1 else ()
    return Estimate(float(found.mean()) if runs else math.nan, parts, runs, runs)


def error_change(accuracy: Values, reference: Values) -> Estimate:
    """Errors as a change from the reference's, -.1 for one in ten less, paired by seed and image.

    The ratio of two means, with the variance of its linearisation (e - ratio e_ref) / mean(e_ref).

    Args:
        accuracy: (R,I).
        reference: (R,I), the same seeds and images.
    """
    whole = np.isfinite(accuracy).all(0) & np.isfinite(reference).all(0)
    errors, beside = 1 - accuracy[:, whole], 1 - reference[:, whole]
    if not errors.size or beside.mean() == 0:
        return Estimate(math.nan)
    ratio = errors.mean() / beside.mean()
    spread = mean_of((errors - ratio * beside) / beside.mean())
    return Estimate(float(ratio) - 1, spread.parts, spread.seeds, spread.runs, spread.images, spread.left_out)


def two_sided(estimate: Estimate) -> float | None:
    """P of "there is no difference"; None where a single seed, or an unknown error, forbids to ask."""
    if estimate.seeds < 2 or not estimate.parts:
        return None
    return min(1.0, 2 * min(estimate.p_above(0), estimate.p_below(0)))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's correction of those that were asked, in their order (Holm 1979)."""
    asked = [x for x in p if x is not None]
    if not asked:
        return list(p)
    corrected = iter(multipletests(asked, method="holm")[1].tolist())
    return [None if x is None else float(next(corrected)) for x in p]
