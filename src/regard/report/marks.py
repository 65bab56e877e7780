"""Scores and anchors as geometry: dot and whiskers among references, stems over anchor values; 0 to 100 %."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regard.report.axes import Axis, Tick, short, ticks
from regard.report.schema import Anchors, Reference, Score
from regard.report.words import UNDEFINED, interval, number

FAR = 5.0  # floors that stretch an axis by more than this are drawn at its edge


@dataclass(frozen=True)
class Mark:
    """A reference in an interval graphic: place and own interval; ``beyond`` where it lies outside the axis."""

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
class Stem:
    """One anchor: its value and use as shares of the drawing, 0 to 100 %."""

    value: float
    usage: float
    dead: bool
    text: str


@dataclass(frozen=True)
class Stems:
    """All anchors and the ticks of the axis of use, 0 to 100 % of the drawing from below."""

    stems: tuple[Stem, ...]
    ticks: tuple[Tick, ...]


def whiskers(score: Score) -> Whiskers | None:
    """Dot, interval and references on one axis; None where there is nothing to draw it against."""
    if not math.isfinite(score.value):
        return None
    shown = [r for r in score.references if math.isfinite(r.value)]
    own = [v for v in (score.value, score.low, score.high) if math.isfinite(v)]
    every = own + [v for r in shown for v in _ends(r)]
    near = own + [v for r in shown if r.role == "control" for v in _ends(r)]
    if min(every) == max(every):
        return None
    # A floor far below would shrink the comparison with the control to a point: it is drawn at the edge instead.
    far = len(near) > len(own) and max(every) - min(every) > FAR * (max(near) - min(near)) > 0
    numbers = near if far else every
    marked = ticks(min(numbers), max(numbers), 3)
    first, last = min([*numbers, *marked]), max([*numbers, *marked])
    axis = Axis(first, last, 8.0, 92.0, False)

    def at(value: float) -> float:
        return 1.5 if value < first else 98.5 if value > last else axis(value)

    marks = [(r.role, r.value, _or(r.low, r.value), _or(r.high, r.value)) for r in shown]
    return Whiskers(
        at=at(score.value),
        low=at(_or(score.low, score.value)),
        high=at(_or(score.high, score.value)),
        marks=tuple(Mark(role, at(v), at(a), at(b), not first <= v <= last) for role, v, a, b in marks),
        ticks=tuple(Tick(at(t), short(t)) for t in marked),
        alt=f"{score.label} {number(score.value, score.unit)}, interval {interval(score.low, score.high) or UNDEFINED}"
        + "".join(f"; {r.role} {r.label} {number(r.value)}" for r in shown),
    )


def stems(anchors: Anchors) -> Stems:
    """One stem an anchor, on the axis 0 to 1."""
    finite = [u for u in anchors.usage if math.isfinite(u)]
    marked = ticks(0.0, max([*finite, 1e-3]), 4)
    top = marked[-1]
    drawn = tuple(
        Stem(
            value=100 * min(max(v, 0.0), 1.0),
            usage=100 * _or(u, 0.0) / top,
            dead=not u > 0,
            text=f"anchor {number(v)}: {100 * _or(u, 0.0):.1f} % of positions",
        )
        for v, u in zip(anchors.values, anchors.usage, strict=True)
        if math.isfinite(v)
    )
    return Stems(drawn, tuple(Tick(100 * t / top, f"{100 * t:.3g} %") for t in marked))


def _ends(reference: Reference) -> list[float]:
    return [v for v in (reference.value, reference.low, reference.high) if math.isfinite(v)]


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
