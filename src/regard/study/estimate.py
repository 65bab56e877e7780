"""An estimate with the variances it is uncertain by, each with its own degrees of freedom.

A mean over few seeds and many images has two sources of error, of which one is known from 2 to 8 degrees of freedom and
the other from hundreds. The quantile of Cochran and Cox (1957, Experimental Designs, 4.14) weighs the two t quantiles
by the variances: q = sum_k v_k t_{f_k} / sum_k v_k. In simulation its one-sided levels of .05, .01 and .002 hold to
within a tenth where both parts matter, while Satterthwaite's single degree of freedom rejects up to five times too
often in the tails with three seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scipy.optimize import brentq
from scipy.special import stdtrit

from regard.types import RegardError

SMALLEST_P = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A number with its sources of error.

    Attributes:
        value: the estimate; NaN where it could not be made.
        parts: (variance, degrees of freedom) of each source; empty where the error is not known, as with one seed.
        seeds: seeds a backbone, the fewest.
        runs: trained networks that went in.
        images: images that went in.
        left_out: what did not go in and why, counted.
    """

    value: float
    parts: tuple[tuple[float, float], ...] = ()
    seeds: int = 0
    runs: int = 0
    images: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def se(self) -> float:
        """Standard error; NaN where not known."""
        return math.sqrt(sum(v for v, _ in self.parts)) if self.parts else math.nan

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval; NaN where the error is not known."""
        if not 0 < level < 1:
            raise RegardError(f"interval: level={level} is not between 0 and 1; use for example level=.95")
        reach = self.quantile((1 - level) / 2) * self.se
        return self.value - reach, self.value + reach

    def quantile(self, tail: float) -> float:
        """Upper quantile of (estimate - truth) / se; 0 without any variance, NaN where the error is not known."""
        total = sum(v for v, _ in self.parts)
        if total == 0:
            return 0.0 if self.parts else math.nan
        return float(sum(v * -stdtrit(f, tail) for v, f in self.parts if v > 0) / total)

    def p_above(self, bound: float) -> float:
        """One-sided p of "the truth is at most `bound`": small where the estimate lies clearly above it.

        1 where the error is not known, as nothing is then shown. Not below 1e-12.

        >>> round(Estimate(2.0, ((1.0, 1e6),)).p_above(0.0), 4)
        0.0228
        """
        if not self.parts or math.isnan(self.value):
            return 1.0
        if self.se == 0:
            return 0.5 if self.value == bound else SMALLEST_P if self.value > bound else 1 - SMALLEST_P
        t = (self.value - bound) / self.se
        reached = _tail(abs(t), self.quantile)
        return reached if t >= 0 else 1 - reached

    def p_below(self, bound: float) -> float:
        """One-sided p of "the truth is at least `bound`"; 1 where the error is not known."""
        return Estimate(-self.value, self.parts).p_above(-bound)


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The plain mean of estimates from different runs and different images, as of several tasks.

    >>> average([Estimate(1.0, ((4.0, 2.0),)), Estimate(3.0, ((4.0, 9.0),))]).parts
    ((1.0, 2.0), (1.0, 9.0))
    """
    n = len(estimates)
    if n == 0:
        return Estimate(math.nan)
    known = all(e.parts for e in estimates)
    left_out: dict[str, int] = {}
    for e in estimates:
        for reason, count in e.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    return Estimate(
        value=sum(e.value for e in estimates) / n,
        parts=tuple((v / n**2, f) for e in estimates for v, f in e.parts) if known else (),
        seeds=min(e.seeds for e in estimates),
        runs=sum(e.runs for e in estimates),
        images=sum(e.images for e in estimates),
        left_out=left_out,
    )


def _tail(t: float, quantile: Callable[[float], float]) -> float:
    """The tail probability whose quantile is t >= 0."""
    if t < 1e-12:
        return 0.5
    if quantile(SMALLEST_P) <= t:
        return SMALLEST_P
    ends = math.log(SMALLEST_P), math.log(0.5)
    return math.exp(brentq(lambda log_p: quantile(math.exp(log_p)) - t, *ends, xtol=1e-9))
