"""The mean of a table runs x images, when both runs and images are samples.

y[r,i] = mu_b(r) + run_r + image_i + rest; runs are nested in backbones b, which are taken as they are; every run judges
the same images. By the mean squares of the two-way analysis of variance

    Var(mean) = (MS_runs + max(MS_images - MS_rest, 0)) / (R I)

with B(S-1) and I-1 degrees of freedom. The rest is left in the part of the runs, which makes it a little too large,
never too small. Paired differences of conditions are such a table themselves: what seeds and images have in common
cancels before.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from regard.study.estimate import Estimate
from regard.types import RegardError


def crossed_mean(
    values: NDArray[np.float64], backbone: NDArray[np.int_] | None = None, *, left_out: dict[str, int] | None = None
) -> Estimate:
    """Mean over runs and images with its two sources of error.

    Args:
        values: (R,I), finite; each backbone's runs weigh alike.
        backbone: (R,) which backbone a run belongs to; one for all by default.
        left_out: handed on.

    With one seed of every backbone, or one image, the error is not known: the estimate then has no parts.

    >>> e = crossed_mean(np.array([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0]]))
    >>> e.value, e.parts  # runs differ by 1 (variance 1/3), images by 2 (variance 2/2)
    (3.0, ((0.333..., 2.0), (1.0, 1.0)))
    """
    if values.ndim != 2:
        raise RegardError(f"crossed_mean: values {values.shape} must be runs x images")
    runs, images = values.shape
    which = np.zeros(runs, int) if backbone is None else np.unique(backbone, return_inverse=True)[1]
    left_out = dict(left_out or {})
    if runs == 0 or images == 0:
        return Estimate(math.nan, left_out=left_out)
    if not np.isfinite(values).all():
        raise RegardError("crossed_mean: values must be finite; pair the trials first, which counts what is left out")
    counts = np.bincount(which)
    groups = len(counts)
    member = (which == np.arange(groups)[:, None]) / counts[:, None]  # (B,R), means within backbones
    of_run, of_group = values.mean(1), member @ values  # (R,), (B,I)
    value = float(of_group.mean())
    freedom = runs - groups
    found = Estimate(value, (), int(counts.min()), runs, images, left_out)
    if freedom < 1 or images < 2:
        return found
    centred = of_run - (member @ of_run)[which]
    rest = values - of_run[:, None] - of_group[which] + of_group.mean(1)[which][:, None]
    ms_runs = images * float(centred @ centred) / freedom
    ms_rest = float((rest**2).sum()) / (freedom * (images - 1))
    of_image = of_group.mean(0)
    # Of the mean over backbones: with unequal numbers of seeds each run counts 1/(B n_b).
    weight = float((1 / counts).sum()) / groups**2
    var_images = float(((of_image - value) ** 2).sum()) / (images - 1) - weight * ms_rest
    parts = ((weight * ms_runs / images, float(freedom)), (max(var_images, 0.0) / images, float(images - 1)))
    return Estimate(value, parts, int(counts.min()), runs, images, left_out)
