"""Where the ticks of an axis stand and what they say; the pages and the figures share them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.ticker import LogLocator, MaxNLocator

_LOG_SPAN = 30.0
"""A positive quantity that spans more than this is drawn on a logarithmic axis."""


def is_logarithmic(values: Sequence[float]) -> bool:
    """Whether values are drawn on a logarithmic axis.

    >>> is_logarithmic([1, 20]), is_logarithmic([1, 40]), is_logarithmic([0, 40])
    (False, True, False)
    """
    return min(values) > 0 and max(values) / min(values) > _LOG_SPAN


def ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """About ``count`` round values that enclose low and high."""
    if high <= low:
        high = low + (abs(low) or 1.0) * 0.1
    found = [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)]
    step, slack = found[1] - found[0], 1e-6 * (high - low)
    before = [found[0] - step] if found[0] > low + slack else []  # matplotlib rounds where values are far from zero
    return [*before, *found, *([found[-1] + step] if found[-1] < high - slack else [])]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around low and high (both positive), on a short axis also three times these."""
    decades = math.log10(high / low)
    candidates = LogLocator(subs=(1.0, 3.0) if decades < 2.5 else (1.0,), numticks=8).tick_values(low, high)
    inside = [float(t) for t in candidates if low / 3.5 <= t <= high * 3.5]
    return inside or [low, high]


def short(value: float) -> str:
    """A tick's text, with at most four digits."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.4g}k".replace("-", "−")
    text = f"{value:.0e}".replace("e-0", "e-") if abs(value) < 1e-3 else f"{value:,.4g}"
    return text.replace("-", "−")
