"""The variance of seeds pooled over arms: with three seeds a variance of one's own has two degrees of freedom.

Empirical Bayes after Smyth (2004, Linear models and empirical Bayes methods, 3:3; the R package limma): the variances
of the arms are draws s_0^2 d_0 / chi^2(d_0). Prior degrees of freedom d_0 and scale s_0^2 are found from the mean and
variance of the logarithms of the arms' variances, and a variance s^2 with d degrees of freedom becomes

    (d_0 s_0^2 + d s^2) / (d_0 + d)   with d_0 + d degrees of freedom, at most those of all arms together.

Arms that vary alike have d_0 = infinity and share one variance; without prior (d_0 = 0) it is the ordinary t.

Two departures, as tables have six to ten arms and not thousands, so that d_0 is known badly. The variance is not below
the geometric mean, with the same weights d_0 and d, of the moderated and of the arms' mean variance: this holds the
size of the test where limma's exceeds it by a sixth. And where the own variance is clearly above the others' (F test,
5 %), it is used: an arm that is three times as restless as the others is not given their variance. With three seeds
such an arm often goes unnoticed (docs/tables.md says how often it is then called different).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, fdtrc, polygamma

from regard.experiments.stats import Estimate
from regard.types import RegardError

_RESTLESS = 0.05
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class VariancePrior:
    """What all arms say about the variance of a difference over seeds.

    Attributes:
        df: prior degrees of freedom; 0 without a prior, infinite where the arms vary alike.
        scale: prior variance.
        mean: mean of the arms' variances.
        most: degrees of freedom of all arms together.
    """

    df: float = 0.0
    scale: float = math.nan
    mean: float = math.nan
    most: float = math.inf


def variance_prior(values: _Values, *, paired: bool) -> VariancePrior:
    """The prior of the variance of a difference, from every arm's mean with every seed.

    Args:
        values: (A,S), every arm's mean over images with every seed, or its difference from a column of its own.
        paired: the differences will be between two of the arms. Each arm's variance is then that of its paired
            difference from the mean of all arms, in which what a seed does to all of them cancels; the variance of a
            difference of two arms is the sum of theirs. Else the differences are the values themselves.

    With fewer than three arms, or one seed, or without any variance, there is no prior.

    Raises:
        RegardError: another shape, or a value that is not finite.

    >>> values = np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0], [2.0, 0.0, 1.0]])
    >>> variance_prior(values, paired=False)  # all three have the variance 1
    VariancePrior(df=inf, scale=1.0, mean=1.0, most=6.0)
    """
    if values.ndim != 2 or not np.isfinite(values).all():
        raise RegardError(f"variance_prior: values {values.shape} must be arms x seeds and finite")
    arms, seeds = values.shape
    if arms < 3 or seeds < 2:
        return VariancePrior()
    df = seeds - 1.0
    own, scale = (values - values.mean(0), 2 * arms / (arms - 1)) if paired else (values, 1.0)
    variances = own.var(1, ddof=1) * scale
    if not variances.any():
        return VariancePrior()
    mean, most = float(variances.mean()), (arms - 1.0 if paired else arms) * df
    log_variances = np.log(np.maximum(variances, 1e-5 * np.median(variances[variances > 0])))
    excess = float(log_variances.var(ddof=1) - polygamma(1, df / 2))
    if excess <= 1e-8:
        return VariancePrior(math.inf, mean, mean, most)
    half = _inverse_trigamma(excess)
    centre = float(log_variances.mean() - digamma(df / 2) + math.log(df / 2))
    return VariancePrior(2 * half, math.exp(centre + float(digamma(half)) - math.log(half)), mean, most)


def _inverse_trigamma(value: float) -> float:
    """The x with trigamma(x) = value > 0, which lies between 1 / value and 1 / value + 1 / sqrt(value)."""
    low, high = 0.5 / value, 1 / value + 2 / math.sqrt(value) + 1
    return float(brentq(lambda x: float(polygamma(1, x)) - value, min(low, 1e-3), high, xtol=1e-12))


def moderated(estimate: Estimate, prior: VariancePrior) -> Estimate:
    """The estimate with the variance of its seeds moderated; the source of the images stays.

    Unchanged without a prior, with a single seed, and where the error is unknown.

    Args:
        estimate: of `crossed_mean` over runs of one backbone: its first source of error are the runs.
        prior: of the differences over seeds (`variance_prior`).

    >>> alone = Estimate(1.0, ((3.0, 2.0), (1.0, 99.0)), 3, 3, 100)
    >>> parts = moderated(alone, VariancePrior(df=4.0, scale=6.0, mean=6.0, most=12.0)).parts  # (4 * 2 + 2 * 3) / 6
    >>> [(round(variance, 6), df) for variance, df in parts]
    [(2.333333, 6.0), (1.0, 99.0)]
    """
    if prior.df == 0 or estimate.seeds < 2 or not estimate.parts:
        return estimate
    (own, df), *others = estimate.parts
    scale, mean = prior.scale / estimate.seeds, prior.mean / estimate.seeds
    weight = 1.0 if math.isinf(prior.df) else prior.df / (prior.df + df)
    posterior = weight * scale + (1 - weight) * own
    variance = max(posterior, posterior ** (1 - weight) * mean**weight)
    if fdtrc(df, prior.most, own / mean) < _RESTLESS:
        variance = max(variance, own)
    parts = ((variance, max(df, min(prior.df + df, prior.most))), *others)
    return replace(estimate, parts=parts)
