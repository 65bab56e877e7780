"""Line charts as geometry: where each line, dot and tick goes. The template draws it, CSS colours it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regard.report.axes import Axis, Tick, log_ticks, short, ticks
from regard.report.words import number

LEFT, RIGHT, TOP, BOTTOM = 46, 328, 12, 170  # of the plot, in the drawing of 340 by 200
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
    xs = [x for _, points in finite for x, _ in points]
    ys = [y for _, points in finite for _, y in points]
    logarithmic = decades and min(ys) > 0 and max(ys) / min(ys) > LOG_SPAN
    x_ticks = ticks(min(xs), max(xs), 6, whole=all(float(x).is_integer() for x in xs))
    y_ticks = log_ticks(min(ys), max(ys)) if logarithmic else ticks(min(ys), max(ys), 5)
    x_at = Axis(min(xs), max(xs), LEFT, RIGHT, False)
    y_at = Axis(min([*ys, *y_ticks]), max([*ys, *y_ticks]), BOTTOM, TOP, logarithmic)
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
        xticks=tuple(Tick(x_at(x), short(x)) for x in x_ticks if min(xs) <= x <= max(xs)),
        yticks=tuple(Tick(y_at(y), short(y)) for y in y_ticks),
        lines=lines,
    )


def _line(series: Series, x_at: Axis, y_at: Axis, xlabel: str) -> Line:
    path, points, pen = [], [], "M"
    for x, y in zip(series.x, series.y, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"  # a gap, not a bridge over what is unknown
            continue
        text = f"{series.label}, {xlabel} {short(x)}: {number(y)}"
        points.append(Point(round(x_at(x), 1), round(y_at(y), 1), text))
        path.append(f"{pen}{points[-1].x} {points[-1].y}")
        pen = "L"
    shown = tuple(points) if len(points) <= HOVER_POINTS else ()
    return Line(series.label, series.style, "".join(path), points[-1], shown)
