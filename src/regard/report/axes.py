"""Axes of the page's drawings: where a value lies, which ticks to write and how."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in the drawing and its text."""

    at: float
    text: str


class Axis:
    """Data to drawing, linear or logarithmic."""

    def __init__(self, low: float, high: float, start: float, end: float, logarithmic: bool) -> None:
        self.map = math.log if logarithmic else float
        self.low, self.start = self.map(low), start
        self.slope = (end - start) / (self.map(high) - self.low) if high > low else 0.0
        self.middle = (start + end) / 2 if high <= low else None

    def __call__(self, value: float) -> float:
        """The place of a value in the drawing."""
        return self.middle if self.middle is not None else self.start + (self.map(value) - self.low) * self.slope


def ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """About ``count`` round values that enclose low and high."""
    if high <= low:
        high = low + (abs(low) or 1.0) * 0.1
    return [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, with threes between them on a short axis, about low and high; both must be positive."""
    decades = math.log10(high / low)
    base = LogLocator(subs=(1.0, 3.0) if decades < 2.5 else (1.0,), numticks=8).tick_values(low, high)
    inside = [float(t) for t in base if low / 3.5 <= t <= high * 3.5]
    return inside or [low, high]


def short(value: float) -> str:
    """A tick's text: as few digits as tell it."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.4g}k".replace("-", "−")
    text = f"{value:.0e}".replace("e-0", "e-") if abs(value) < 1e-3 else f"{value:,.4g}"
    return text.replace("-", "−")
