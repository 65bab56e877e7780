"""Drawings as geometry: coordinates of lines, dots, whiskers and ticks; a template draws them, CSS colours them.

Line charts and scatter plots live in a drawing of 340 by 200 with axes that fit their data. Whiskers (a score among its
references) and stems (a quantizer's anchors) are placed in percent of the width they are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from regard.plot import ScatterPoint, Series, is_logarithmic, log_ticks, short, ticks
from regard.report.schema import Anchors, Reference, Score
from regard.report.words import UNDEFINED, interval_text, number

LEFT, RIGHT, TOP, BOTTOM = 46, 328, 12, 170  # of the plot, in the drawing of 340 by 200
HOVER_POINTS = 80  # longer lines carry no text at their points: that text would be most of the page
FAR = 5.0  # floors that stretch an axis by more than this are drawn at its edge


@dataclass(frozen=True)
class Tick:
    """A tick of an axis: its coordinate in the drawing and its text."""

    at: float
    text: str


class Axis:
    """Maps a value to its coordinate in the drawing, linearly or logarithmically."""

    def __init__(self, low: float, high: float, start: float, end: float, logarithmic: bool = False) -> None:
        self.map = math.log if logarithmic else float
        self.ends, self.start = (low, high), start
        self.slope = (end - start) / (self.map(high) - self.map(low)) if high > low else 0.0
        self.middle = (start + end) / 2 if high <= low else None

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        if self.middle is not None:
            return self.middle
        return self.start + (self.map(value) - self.map(self.ends[0])) * self.slope

    def ticks(self, values: Sequence[float]) -> tuple[Tick, ...]:
        """The values that lie on the axis, as ticks."""
        return tuple(Tick(self(v), short(v)) for v in values if self.ends[0] <= v <= self.ends[1])


@dataclass(frozen=True)
class Point:
    """Coordinates in the drawing; ``text`` is shown under a pointer."""

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
class Dots:
    """The dots of one label; ``kind`` is the number of its colour."""

    label: str
    kind: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """Lines or dots over two axes; ``alt`` describes them in words."""

    title: str
    alt: str
    xlabel: str
    xticks: tuple[Tick, ...]
    yticks: tuple[Tick, ...]
    logarithmic: bool = False
    lines: tuple[Line, ...] = ()
    dots: tuple[Dots, ...] = ()


def chart(title: str, series: Sequence[Series], *, xlabel: str = "epoch", decades: bool = False) -> Chart | None:
    """Lines with axes that fit them; None where no series has a finite point.

    Args:
        title: of the drawing.
        series: the lines; they may have different x.
        xlabel: what x is.
        decades: whether the y axis may be logarithmic, for a quantity that falls by orders of magnitude.
    """
    finite = [(s, [p for p in zip(s.x, s.y, strict=True) if all(map(math.isfinite, p))]) for s in series]
    finite = [(s, points) for s, points in finite if points]
    if not finite:
        return None
    xs, ys = zip(*(p for _, points in finite for p in points), strict=True)
    logarithmic = decades and is_logarithmic(ys)
    x_ticks = ticks(min(xs), max(xs), 6, whole=all(float(x).is_integer() for x in xs))
    y_ticks = log_ticks(min(ys), max(ys)) if logarithmic else ticks(min(ys), max(ys), 5)
    x_at = Axis(min(xs), max(xs), LEFT, RIGHT)
    y_at = Axis(min([*ys, *y_ticks]), max([*ys, *y_ticks]), BOTTOM, TOP, logarithmic)
    ranges = "; ".join(
        f"{s.label} from {number(points[0][1])} to {number(points[-1][1])}, "
        f"lowest {number(min(y for _, y in points))}, highest {number(max(y for _, y in points))}"
        for s, points in finite
    )
    return Chart(
        title=title,
        alt=f"{title} over {xlabel}: {ranges}.",
        xlabel=xlabel,
        xticks=x_at.ticks(x_ticks),
        yticks=y_at.ticks(y_ticks),
        logarithmic=logarithmic,
        lines=tuple(_line(s, x_at, y_at, xlabel) for s, _ in finite),
    )


def _line(series: Series, x_at: Axis, y_at: Axis, xlabel: str) -> Line:
    path, points, pen = [], [], "M"
    for x, y in zip(series.x, series.y, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"  # leave a gap where a value is undefined
            continue
        points.append(_point(x_at(x), y_at(y), f"{series.label}, {xlabel} {short(x)}: {number(y)}"))
        path.append(f"{pen}{points[-1].x} {points[-1].y}")
        pen = "L"
    hover = tuple(points) if len(points) <= HOVER_POINTS else ()
    return Line(series.label, series.style, "".join(path), points[-1], hover)


def _point(x: float, y: float, text: str) -> Point:
    return Point(round(x, 1), round(y, 1), text)


def scatter_chart(title: str, data: Sequence[ScatterPoint], *, xlabel: str, ylabel: str) -> Chart | None:
    """Dots with axes that fit them; None where none is finite. Labels take colours in order of appearance."""
    finite = [p for p in data if math.isfinite(p.x) and math.isfinite(p.y)]
    if not finite:
        return None
    xs, ys = [p.x for p in finite], [p.y for p in finite]
    x_ticks, y_ticks = ticks(min(xs), max(xs), 6), ticks(min(ys), max(ys), 5)
    x_at = Axis(min([*xs, *x_ticks]), max([*xs, *x_ticks]), LEFT, RIGHT)
    y_at = Axis(min([*ys, *y_ticks]), max([*ys, *y_ticks]), BOTTOM, TOP)
    groups = {label: [p for p in finite if p.label == label] for label in dict.fromkeys(p.label for p in finite)}
    means = "; ".join(
        f"{label}: {xlabel} {number(fmean(p.x for p in points))}, {ylabel} {number(fmean(p.y for p in points))}"
        for label, points in groups.items()
    )
    return Chart(
        title=title,
        alt=f"{title}: {ylabel} over {xlabel}, {len(finite)} points. Means: {means}.",
        xlabel=xlabel,
        xticks=x_at.ticks(x_ticks),
        yticks=y_at.ticks(y_ticks),
        dots=tuple(
            Dots(label, kind, tuple(_point(x_at(p.x), y_at(p.y), p.text) for p in points))
            for kind, (label, points) in enumerate(groups.items())
        ),
    )


@dataclass(frozen=True)
class Mark:
    """A reference among whiskers: its coordinate and interval; ``beyond`` where it lies outside the axis."""

    role: str
    at: float
    low: float
    high: float
    beyond: bool


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
class _Stem:
    """One anchor: its value and usage in percent of the drawing."""

    value: float
    usage: float
    dead: bool
    text: str


@dataclass(frozen=True)
class Stems:
    """All anchors, and the ticks of the usage axis in percent from below."""

    stems: tuple[_Stem, ...]
    ticks: tuple[Tick, ...]


def whiskers(score: Score) -> Whiskers | None:
    """Dot, interval and references on one axis; None where there is nothing to draw it against."""
    if not math.isfinite(score.value):
        return None
    references = [r for r in score.references if math.isfinite(r.value)]
    own = [v for v in (score.value, score.low, score.high) if math.isfinite(v)]
    extent = own + [v for r in references for v in _ends(r)]
    near = own + [v for r in references if r.role == "control" for v in _ends(r)]
    if min(extent) == max(extent):
        return None
    # A distant floor would shrink the comparison with the control to a point; draw it at the edge instead.
    far = len(near) > len(own) and max(extent) - min(extent) > FAR * (max(near) - min(near)) > 0
    numbers = near if far else extent
    tick_values = ticks(min(numbers), max(numbers), 3)
    first, last = min([*numbers, *tick_values]), max([*numbers, *tick_values])
    axis = Axis(first, last, 8.0, 92.0)

    def at(value: float) -> float:
        return 1.5 if value < first else 98.5 if value > last else axis(value)

    between = interval_text(score.low, score.high)
    marks = [(r.role, r.value, _or(r.low, r.value), _or(r.high, r.value)) for r in references]
    return Whiskers(
        at=at(score.value),
        low=at(_or(score.low, score.value)),
        high=at(_or(score.high, score.value)),
        marks=tuple(Mark(role, at(v), at(a), at(b), not first <= v <= last) for role, v, a, b in marks),
        ticks=axis.ticks(tick_values),
        alt=f"{score.label} {number(score.value, score.unit)}, interval {between or UNDEFINED}"
        + "".join(f"; {r.role} {r.label} {number(r.value)}" for r in references),
    )


def stems(anchors: Anchors) -> Stems:
    """One stem per anchor, on the axis 0 to 1."""
    finite = [u for u in anchors.usage if math.isfinite(u)]
    tick_values = ticks(0.0, max([*finite, 1e-3]), 4)
    top = tick_values[-1]
    drawn = tuple(
        _Stem(
            value=100 * min(max(v, 0.0), 1.0),
            usage=100 * _or(u, 0.0) / top,
            dead=not u > 0,
            text=f"anchor {number(v)}: {100 * _or(u, 0.0):.1f} % of positions",
        )
        for v, u in zip(anchors.values, anchors.usage, strict=True)
        if math.isfinite(v)
    )
    return Stems(drawn, tuple(Tick(100 * t / top, f"{100 * t:.3g} %") for t in tick_values))


def _ends(reference: Reference) -> list[float]:
    return [v for v in (reference.value, reference.low, reference.high) if math.isfinite(v)]


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
