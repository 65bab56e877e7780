"""Points as geometry: one dot a network, similarity against performance; the template draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regard.report.axes import Axis, Tick, short, ticks
from regard.report.charts import BOTTOM, LEFT, RIGHT, TOP, Point
from regard.report.words import number


@dataclass(frozen=True)
class Dots:
    """The dots of one kind; ``kind`` is the number of its colour."""

    label: str
    kind: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Scatter:
    """Dots over two axes; ``alt`` says in words where they lie."""

    title: str
    alt: str
    xlabel: str
    xticks: tuple[Tick, ...]
    yticks: tuple[Tick, ...]
    dots: tuple[Dots, ...]


@dataclass(frozen=True)
class Place:
    """One dot before it is drawn, with the words that a pointer over it shows."""

    label: str
    x: float
    y: float
    text: str


def scatter(title: str, places: Sequence[Place], *, xlabel: str, ylabel: str) -> Scatter | None:
    """Dots with axes that fit them; None where none is finite. Labels are coloured in the order in which they come."""
    shown = [p for p in places if math.isfinite(p.x) and math.isfinite(p.y)]
    if not shown:
        return None
    xs, ys = [p.x for p in shown], [p.y for p in shown]
    x_ticks, y_ticks = ticks(min(xs), max(xs), 6), ticks(min(ys), max(ys), 5)
    x_at = Axis(min([*xs, *x_ticks]), max([*xs, *x_ticks]), LEFT, RIGHT, False)
    y_at = Axis(min([*ys, *y_ticks]), max([*ys, *y_ticks]), BOTTOM, TOP, False)
    labels = list(dict.fromkeys(p.label for p in shown))
    dots = tuple(
        Dots(
            label,
            kind,
            tuple(Point(round(x_at(p.x), 1), round(y_at(p.y), 1), p.text) for p in shown if p.label == label),
        )
        for kind, label in enumerate(labels)
    )
    told = "; ".join(
        f"{label}: {xlabel} {number(_mean([p.x for p in shown if p.label == label]))}, "
        f"{ylabel} {number(_mean([p.y for p in shown if p.label == label]))}"
        for label in labels
    )
    return Scatter(
        title=title,
        alt=f"{title}: {ylabel} over {xlabel}, {len(shown)} points. Means: {told}.",
        xlabel=xlabel,
        xticks=tuple(Tick(x_at(t), short(t)) for t in x_ticks),
        yticks=tuple(Tick(y_at(t), short(t)) for t in y_ticks),
        dots=dots,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
