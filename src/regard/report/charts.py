"""Geometry of the page's drawings: where each line, dot and tick goes. The template draws it, CSS colours it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

from regard.report.schema import Anchors, Score
from regard.report.words import UNDEFINED, interval, number

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 328, 12, 170
HOVER_POINTS = 80  # longer lines carry no text at their points: it would be most of the page
LOG_SPAN = 30.0  # a positive quantity that spans more than this is drawn on a logarithmic axis


@dataclass(frozen=True)
class Series:
    """One line: ``style`` is a CSS class (main, second, control, level)."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in the drawing and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Point:
    """A place in the drawing, with the words that a pointer over it shows."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A drawn series."""

    label: str
    style: str
    path: str
    end: Point
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """Lines over a shared x; ``alt`` says in words what they do."""

    title: str
    alt: str
    xlabel: str
    logarithmic: bool
    xticks: tuple[Tick, ...]
    yticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Mark:
    """A reference in an interval graphic: place and, where known, its own interval."""

    role: str
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Whiskers:
    """A score as dot and whiskers on its own axis of 0 to 100 %, among its references."""

    at: float
    low: float
    high: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    alt: str


@dataclass(frozen=True)
class Stem:
    """One anchor: its value and use as shares of the drawing, 0 to 100 %."""

    value: float
    usage: float
    dead: bool
    text: str


def chart(title: str, series: Sequence[Series], xlabel: str = "epoch") -> Chart | None:
    """Lines with axes that fit them; None where no series has a finite point."""
    finite = [(s, [(x, y) for x, y in zip(s.x, s.y, strict=True) if math.isfinite(y)]) for s in series]
    finite = [(s, points) for s, points in finite if points]
    if not finite:
        return None
    xs = [x for _, points in finite for x, _ in points]
    ys = [y for _, points in finite for _, y in points]
    logarithmic = min(ys) > 0 and max(ys) / min(ys) > LOG_SPAN
    x_ticks = _ticks(min(xs), max(xs), 6, whole=all(float(x).is_integer() for x in xs))
    y_ticks = _log_ticks(min(ys), max(ys)) if logarithmic else _ticks(min(ys), max(ys), 5)
    x_at = _Axis(min(xs), max(xs), LEFT, RIGHT, False)
    y_at = _Axis(min([*ys, *y_ticks]), max([*ys, *y_ticks]), BOTTOM, TOP, logarithmic)
    lines = tuple(_line(s, x_at, y_at, xlabel) for s, _ in finite)
    told = "; ".join(
        f"{s.label} from {number(points[0][1])} to {number(points[-1][1])}, "
        f"lowest {number(min(y for _, y in points))}, highest {number(max(y for _, y in points))}"
        for s, points in finite
    )
    return Chart(
        title=title,
        alt=f"{title} over {xlabel}: {told}.",
        xlabel=xlabel,
        logarithmic=logarithmic,
        xticks=tuple(Tick(x_at(x), number(x) if x % 1 else f"{x:.0f}") for x in x_ticks if min(xs) <= x <= max(xs)),
        yticks=tuple(Tick(y_at(y), _short(y)) for y in y_ticks),
        lines=lines,
    )


def whiskers(score: Score) -> Whiskers | None:
    """Dot, interval and references on one axis; None where there is nothing to draw it against."""
    if not math.isfinite(score.value):
        return None
    shown = [r for r in score.references if math.isfinite(r.value)]
    numbers = [score.value, score.low, score.high, *(v for r in shown for v in (r.value, r.low, r.high))]
    numbers = [v for v in numbers if math.isfinite(v)]
    if len(set(numbers)) == 1:
        return None
    ticks = _ticks(min(numbers), max(numbers), 3)
    at = _Axis(min([*numbers, *ticks]), max([*numbers, *ticks]), 8.0, 92.0, False)
    return Whiskers(
        at=at(score.value),
        low=at(_or(score.low, score.value)),
        high=at(_or(score.high, score.value)),
        marks=tuple(Mark(r.role, at(r.value), at(_or(r.low, r.value)), at(_or(r.high, r.value))) for r in shown),
        ticks=tuple(Tick(at(t), _short(t)) for t in ticks),
        alt=f"{score.label} {number(score.value, score.unit)}, interval {interval(score.low, score.high) or UNDEFINED}"
        + "".join(f"; {r.role} {r.label} {number(r.value)}" for r in shown),
    )


def stems(anchors: Anchors) -> tuple[tuple[Stem, ...], float]:
    """(one stem an anchor on the axis 0 to 1, the use at the drawing's top)."""
    finite = [u for u in anchors.usage if math.isfinite(u)]
    top = max(_ticks(0.0, max([*finite, 1e-3]), 3))
    drawn = tuple(
        Stem(
            value=100 * min(max(v, 0.0), 1.0),
            usage=100 * _or(u, 0.0) / top,
            dead=not u > 0,
            text=f"anchor {number(v)}: {100 * u:.1f} % of positions",
        )
        for v, u in zip(anchors.values, anchors.usage, strict=True)
        if math.isfinite(v)
    )
    return drawn, top


def _line(series: Series, x_at: _Axis, y_at: _Axis, xlabel: str) -> Line:
    path, points, pen = [], [], "M"
    for x, y in zip(series.x, series.y, strict=True):
        if not math.isfinite(y):
            pen = "M"  # a gap, not a bridge over what is unknown
            continue
        text = f"{series.label}, {xlabel} {number(x) if x % 1 else f'{x:.0f}'}: {number(y)}"
        points.append(Point(round(x_at(x), 1), round(y_at(y), 1), text))
        path.append(f"{pen}{points[-1].x} {points[-1].y}")
        pen = "L"
    shown = tuple(points) if len(points) <= HOVER_POINTS else ()
    return Line(series.label, series.style, "".join(path), points[-1], shown)


class _Axis:
    """Data to drawing, linear or logarithmic."""

    def __init__(self, low: float, high: float, start: float, end: float, logarithmic: bool) -> None:
        self.map = math.log if logarithmic else float
        self.low, self.start = self.map(low), start
        self.slope = (end - start) / (self.map(high) - self.low) if high > low else 0.0
        self.middle = (start + end) / 2 if high <= low else None

    def __call__(self, value: float) -> float:
        return self.middle if self.middle is not None else self.start + (self.map(value) - self.low) * self.slope


def _ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    if high <= low:
        high = low + (abs(low) or 1.0) * 0.1
    return [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    base = LogLocator(subs=(1.0, 3.0) if decades < 2.5 else (1.0,), numticks=8).tick_values(low, high)
    inside = [float(t) for t in base if low / 3.5 <= t <= high * 3.5]
    return inside or [low, high]


def _short(value: float) -> str:
    """A tick's text: as few digits as tell it."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    text = f"{value:.0e}".replace("e-0", "e-") if abs(value) < 1e-3 else f"{value:,.4g}"
    return text.replace("-", "−")


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
