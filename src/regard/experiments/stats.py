"""Means over runs and images with their intervals, and p values corrected for their number.

Runs (seeds) and images are both samples, and every run judges the same images. Paired differences of conditions are
such a table of runs x images themselves: what seeds and images have in common cancels before.

**Crossed mean.** y[r,i] = mean_b(r) + run_r + image_i + rest, runs nested in backbones b, which are fixed. By the mean
squares of the two-way analysis of variance

    Var(mean) = (MS_runs + max(MS_images - MS_rest, 0)) / (R I)

with B(S-1) and I-1 degrees of freedom. The rest is left in the part of the runs, which makes it a little too large,
never too small.

**Quantile.** The two sources of error have few and many degrees of freedom. The quantile of Cochran and Cox (1957,
Experimental Designs, 4.14) weighs the two t quantiles by the variances: q = sum_k v_k t_{f_k} / sum_k v_k. In
simulation its one-sided levels of .05, .01 and .002 hold to within a tenth where both parts matter, while
Satterthwaite's single degree of freedom rejects up to five times too often in the tails with three seeds.

**Crossed bootstrap**, for numbers that are no mean (ratios, shares of a range): runs and images are resampled
independently, and every pair counts as often as both (Owen 2007, The pigeonhole bootstrap, Annals of Applied
Statistics 1:386). Its variance is never too small with many of both. With three seeds it is: a resample of three holds
on average two of them, and a percentile interval knows no t. Decisions therefore rest on `crossed_mean`;
benchmarks/verdicts.py measures how often either interval holds the truth.

**Shares.** The interval of a mean of values in [0, 1] is Wilson's (`share_interval`), which stays there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

from regard.report import NOT_STORED
from regard.types import RegardError

SMALLEST_P = 1e-12
CHUNK = 2_000_000  # numbers in memory at once
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its sources of error. JSON holds its interval, not the sources.

    Attributes:
        value: the estimate; NaN where it is undefined.
        parts: (variance, degrees of freedom) of each source of error; empty where the error is unknown, as with one
            seed, and after reading from JSON.
        low: lower end of the 95 % interval; given where there are no parts to compute it from.
        high: upper end.
        seeds: seeds per backbone, the fewest.
        runs: trained networks that went in.
        images: images that went in.
        left_out: reason -> number of items that were left out.
        share: a mean of values in [0, 1], whose interval stays there; p values are those of any mean.
    """

    value: float
    parts: tuple[tuple[float, float], ...] = field(default=(), repr=False, compare=False, metadata=NOT_STORED)
    low: float = field(default=math.nan, kw_only=True)
    high: float = field(default=math.nan, kw_only=True)
    seeds: int = 0
    runs: int = 0
    images: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    share: bool = field(default=False, kw_only=True, repr=False, compare=False, metadata=NOT_STORED)

    def __post_init__(self) -> None:
        if self.parts:
            low, high = self.interval()
            self.__dict__.update(low=low, high=high)

    @property
    def se(self) -> float:
        """Standard error; NaN where it is unknown."""
        return math.sqrt(sum(v for v, _ in self.parts)) if self.parts else math.nan

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval; NaN where the error is unknown."""
        _check_level(level)
        tail = (1 - level) / 2
        if self.share and self.parts:
            certain = self.se == 0
            quantile = -float(ndtri(tail)) if certain else self.quantile(tail)
            return share_interval(self.value, self.se, quantile, self.images)
        half_width = self.quantile(tail) * self.se
        return self.value - half_width, self.value + half_width

    def quantile(self, tail: float) -> float:
        """Upper quantile of (estimate - truth) / se; 0 without any variance, NaN where the error is unknown."""
        total = sum(v for v, _ in self.parts)
        if total == 0:
            return 0.0 if self.parts else math.nan
        return float(sum(v * -stdtrit(f, tail) for v, f in self.parts if v > 0) / total)

    def p_above(self, bound: float) -> float:
        """One-sided p value of "the truth is at most `bound`": small where the estimate lies clearly above it.

        1 where the error is unknown. Not below 1e-12.

        >>> round(Estimate(2.0, ((1.0, 1e6),)).p_above(0.0), 4)
        0.0228
        """
        if not self.parts or math.isnan(self.value):
            return 1.0
        if self.se == 0:
            return 0.5 if self.value == bound else SMALLEST_P if self.value > bound else 1 - SMALLEST_P
        t = (self.value - bound) / self.se
        tail = _tail(abs(t), self.quantile)
        return tail if t >= 0 else 1 - tail

    def p_below(self, bound: float) -> float:
        """One-sided p value of "the truth is at least `bound`"; 1 where the error is unknown."""
        return Estimate(-self.value, self.parts).p_above(-bound)

    def p_two_sided(self) -> float:
        """Two-sided p value of "the truth is 0"; 1 where the error is unknown."""
        return min(1.0, 2 * min(self.p_above(0.0), self.p_below(0.0)))


def share_interval(value: float, se: float, quantile: float, items: int = 0) -> tuple[float, float]:
    """Wilson's interval of a share: it stays in [0, 1] and holds the share.

    The standard error is taken to shrink towards 0 and 1 as that of a proportion does: the ends are the shares v with
    abs(value - v) = quantile se sqrt(v (1 - v) / (value (1 - value))). With se = sqrt(value (1 - value) / n) this is
    Wilson's (1927) interval of n trials; far from 0 and 1 it is value -+ quantile se.

    Args:
        value: the share.
        se: its standard error.
        quantile: of the statistic, such as 1.96, or t with few seeds.
        items: number of items, which limits what a share of exactly 0 or 1 without any spread can say (0: unknown, and
            the interval is the share itself).

    Raises:
        RegardError: the value is not in [0, 1].

    >>> [round(end, 3) for end in share_interval(0.9, 0.03, 1.96)]  # 100 trials
    [0.826, 0.945]
    >>> [round(end, 3) for end in share_interval(1.0, 0.0, 1.96, items=100)]
    [0.963, 1.0]
    """
    if not -1e-6 <= value <= 1 + 1e-6 and not math.isnan(value):
        raise RegardError(f"interval of a share: {value} is not between 0 and 1; leave out share=True")
    value = min(max(value, 0.0), 1.0) if not math.isnan(value) else value
    spread = value * (1 - value)
    one_over_n = min(se**2 / spread, 1e100) if spread > 1e-300 else 1 / items if items else 0.0
    widening = min(quantile**2 * one_over_n, 1e100)  # its square is a number
    centre = (value + widening / 2) / (1 + widening)
    half_width = math.sqrt(widening * spread + widening**2 / 4) / (1 + widening)
    return max(centre - half_width, 0.0), min(centre + half_width, 1.0)


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The plain mean of estimates from different runs and different images, as of several tasks.

    >>> average([Estimate(1.0, ((4.0, 2.0),)), Estimate(3.0, ((4.0, 9.0),))]).parts
    ((1.0, 2.0), (1.0, 9.0))
    """
    n = len(estimates)
    if n == 0:
        return Estimate(math.nan)
    known = all(e.parts for e in estimates)
    left_out = Counter[str]()
    for e in estimates:
        left_out.update(e.left_out)
    return Estimate(
        value=sum(e.value for e in estimates) / n,
        parts=tuple((v / n**2, f) for e in estimates for v, f in e.parts) if known else (),
        seeds=min(e.seeds for e in estimates),
        runs=sum(e.runs for e in estimates),
        images=sum(e.images for e in estimates),
        left_out=dict(left_out),
        share=all(e.share for e in estimates),
    )


def _tail(t: float, quantile: Callable[[float], float]) -> float:
    """The tail probability whose quantile is t >= 0."""
    if t < 1e-12:
        return 0.5
    if quantile(SMALLEST_P) <= t:
        return SMALLEST_P
    ends = math.log(SMALLEST_P), math.log(0.5)
    return math.exp(brentq(lambda log_p: quantile(math.exp(log_p)) - t, *ends, xtol=1e-9))


def crossed_mean(
    values: _Values,
    backbone: NDArray[np.int_] | None = None,
    *,
    left_out: Mapping[str, int] | None = None,
    share: bool = False,
) -> Estimate:
    """Mean over runs and images with its two sources of error.

    Args:
        values: (R,I), finite.
        backbone: (R,) the backbone of each run, as a number; every backbone weighs the same. One for all by default.
        left_out: passed on to the estimate.
        share: the values are in [0, 1], and so is the interval.

    With one seed of every backbone, or one image, the error is unknown: the estimate then has no parts.

    Raises:
        RegardError: another shape, or a value that is not finite.

    >>> e = crossed_mean(np.array([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0]]))
    >>> e.value, [(round(variance, 6), df) for variance, df in e.parts]  # runs differ by 1, images by 2: 1/3 and 2/2
    (3.0, [(0.333333, 2.0), (1.0, 1.0)])
    """
    if values.ndim != 2:
        raise RegardError(f"crossed_mean: values {values.shape} must be runs x images")
    runs, images = values.shape
    which = np.zeros(runs, int) if backbone is None else np.unique(backbone, return_inverse=True)[1]
    left_out = dict(left_out or {})
    if runs == 0 or images == 0:
        return Estimate(math.nan, left_out=left_out, share=share)
    if not np.isfinite(values).all():
        raise RegardError("crossed_mean: values must be finite; pair the trials first, which counts what is left out")
    counts = np.bincount(which)
    groups = len(counts)
    member = (which == np.arange(groups)[:, None]) / counts[:, None]  # (B,R), means within backbones
    of_run, of_group = values.mean(1), member @ values  # (R,), (B,I)
    value = float(of_group.mean())
    freedom = runs - groups
    if freedom < 1 or images < 2:
        return Estimate(value, (), int(counts.min()), runs, images, left_out, share=share)
    centred = of_run - (member @ of_run)[which]
    rest = values - of_run[:, None] - of_group[which] + of_group.mean(1)[which][:, None]
    ms_runs = images * float(centred @ centred) / freedom
    ms_rest = float((rest**2).sum()) / (freedom * (images - 1))
    of_image = of_group.mean(0)
    # Of the mean over backbones: with unequal numbers of seeds each run counts 1/(B n_b).
    weight = float((1 / counts).sum()) / groups**2
    var_images = float(((of_image - value) ** 2).sum()) / (images - 1) - weight * ms_rest
    parts = ((weight * ms_runs / images, float(freedom)), (max(var_images, 0.0) / images, float(images - 1)))
    return Estimate(value, parts, int(counts.min()), runs, images, left_out, share=share)


@dataclass(frozen=True)
class Interval:
    """A value and its percentile interval."""

    value: float
    low: float = math.nan
    high: float = math.nan


def _resampled_counts(
    backbone: NDArray[np.int_], images: int, draws: int, *, seed: int
) -> Iterator[tuple[_Values, _Values]]:
    """How often each run (chunk,R) and each image (chunk,I) was drawn; runs are resampled within their backbone."""
    generator = np.random.default_rng(seed)
    rows = max(1, CHUNK // max(len(backbone) + images, 1))
    for start in range(0, draws, rows):
        n = min(rows, draws - start)
        of_runs = np.zeros((n, len(backbone)))
        for b in np.unique(backbone):
            own = np.flatnonzero(backbone == b)
            of_runs[:, own] = generator.multinomial(len(own), np.full(len(own), 1 / len(own)), n)
        yield of_runs, generator.multinomial(images, np.full(images, 1 / images), n).astype(float)


def bootstrap(
    values: _Values,
    backbone: NDArray[np.int_],
    statistic: Callable[[_Values], _Values],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A statistic of the means of K paired arms, with its percentile interval over resampled runs and images.

    Args:
        values: (K,R,I), paired and finite.
        backbone: (R,) the backbone of each run, as a number.
        statistic: means (K,N) of N resamples -> (N,), such as ``lambda m: (m[0] - m[1]) / (m[2] - m[1])``.
        draws: number of resamples.
        level: of the interval.
        seed: of the resampling.

    The value is NaN without runs or images; the interval is NaN with a single seed of every backbone.

    >>> table = np.array([[[0.0, 1.0], [2.0, 3.0]], [[8.0, 9.0], [10.0, 11.0]]])
    >>> bootstrap(table, np.zeros(2, int), lambda m: m[1] - m[0])
    Interval(value=8.0, low=8.0, high=8.0)
    """
    _check_level(level)
    _, runs, images = values.shape
    if runs == 0 or images == 0:
        return Interval(math.nan)
    value = float(statistic(values.mean((1, 2))[:, None])[0])
    if np.bincount(np.unique(backbone, return_inverse=True)[1]).max() < 2:
        return Interval(value)
    chunks = [
        statistic(np.stack([np.einsum("nr,ri,ni->n", r, arm, i, optimize=True) for arm in values]) / (runs * images))
        for r, i in _resampled_counts(backbone, images, draws, seed=seed)
    ]
    statistics = np.concatenate(chunks)
    statistics = statistics[np.isfinite(statistics)]
    if not len(statistics):
        return Interval(value)
    low, high = np.quantile(statistics, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value if math.isfinite(value) else math.nan, float(low), float(high))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise RegardError(f"interval: level={level} is not between 0 and 1; use for example level=.95")
