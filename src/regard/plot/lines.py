"""Lines and dots as figures: curves over epochs or shares, the information plane, scatter plots.

Colours are those of Okabe and Ito, which people with any of the common deficiencies of colour vision tell apart; lines
also differ in their dashes and dots in their shapes, so that a figure can be read in grey.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from regard.plot.axis_ticks import is_logarithmic, log_ticks, short, ticks
from regard.plot.figure import ShownFigure
from regard.plot.pixels import require

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours without yellow, which is too light for lines on white."""
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)), (0, (8, 2)))
_SHAPES = ("o", "s", "^", "D", "v", "P", "X")
_ROLES = {"main": 0, "control": 1, "third": 2, "second": 5}
"""Role of a `Series` -> number of its colour; a ``level`` is grey and dotted."""
_SIZE = (5.4, 3.6)


@dataclass(frozen=True)
class Series:
    """One line: ``style`` is its role (main, second, third, control, level), by which pages and figures draw it."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: str


@dataclass(frozen=True)
class ScatterPoint:
    """One dot in the data's units; ``text`` is shown under a pointer."""

    label: str
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class PlanePoint:
    """A network in the information plane.

    Attributes:
        label: of the points that a line joins, such as an arm of a table.
        bits: that pass, per image.
        value: what is reached with them, such as accuracy.
        low: of its interval; NaN without one.
        high: likewise.
        name: written beside the point, such as the budget; empty for none.
    """

    label: str
    bits: float
    value: float
    low: float = math.nan
    high: float = math.nan
    name: str = ""


def curve(
    series: Sequence[Series] | Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    xlabel: str = "epoch",
    title: str = "",
    decades: bool = True,
) -> Figure:
    """Lines over a common quantity; a gap where a value is undefined.

    Args:
        series: the lines, which may have different x; or name -> values, over 0, 1, 2, ...
        ylabel: what y is, with its unit.
        xlabel: what x is, with its unit.
        title: above.
        decades: whether the y axis is logarithmic where a positive quantity spans more than a factor of 30.

    Raises:
        RegardError: no line has a finite point.

    Example:
        >>> figure = curve({"validation": [0.2, 0.5, 0.6], "training": [0.3, 0.6, 0.9]}, ylabel="accuracy")
        >>> ", ".join(line.get_label() for line in figure.axes[0].lines)
        'validation, training'
    """
    if isinstance(series, Mapping):
        series = [Series(name, range(len(y)), y, "") for name, y in series.items()]
    axis, figure = _axes(title, xlabel, ylabel)
    drawn: list[tuple[float, float]] = []
    for k, line in enumerate(series):
        level, place = line.style == "level", _ROLES.get(line.style, k) % len(PALETTE)
        color, dashes = ("0.4", ":") if level else (PALETTE[place], _DASHES[place])
        axis.plot(line.x, line.y, label=line.label, color=color, linestyle=dashes, linewidth=1.6)
        drawn += _finite(zip(line.x, line.y, strict=True))
    require(len(drawn) > 0, "no line has a finite point")
    _fit(axis, "x", [x for x, _ in drawn], 6)
    _fit(axis, "y", [y for _, y in drawn], 5, decades=decades)
    return _finished(figure, axis, len(series))


def plane(
    points: Sequence[PlanePoint],
    *,
    ylabel: str = "accuracy",
    xlabel: str = "bits per image",
    title: str = "",
    label_bits: float | None = None,
) -> Figure:
    """The information plane: what networks reach against the bits that pass, each label's points joined by their bits.

    Args:
        points: the networks.
        ylabel: what the value is, with its unit.
        xlabel: what the bits are paid for.
        title: above.
        label_bits: H(Y), the entropy of the labels in bits, where the value is the information about the label in bits,
            I(Z;Y). Then the bound  I(Z;Y) <= min(I(X;Z), H(Y))  is drawn, which no network is above.

    Raises:
        RegardError: no point is finite, or some bits are negative.

    Example:
        >>> figure = plane([PlanePoint("aib", 2.0, 0.7), PlanePoint("aib", 20.0, 0.9, 0.88, 0.92, "20 bits")])
        >>> figure.axes[0].get_xlabel(), len(figure.axes[0].texts)
        ('bits per image', 1)
    """
    axis, figure = _axes(title, xlabel, ylabel)
    kept = [p for p in points if math.isfinite(p.bits) and math.isfinite(p.value)]
    require(len(kept) > 0, "no point is finite")
    require(min(p.bits for p in kept) >= 0, f"bits are {min(p.bits for p in kept)}; they cannot be negative")
    labels = list(dict.fromkeys(p.label for p in kept))
    for k, label in enumerate(labels):
        own = sorted((p for p in kept if p.label == label), key=lambda p: p.bits)
        style = {"color": PALETTE[k % len(PALETTE)], "marker": _SHAPES[k % len(_SHAPES)]}
        bits, values = [p.bits for p in own], [p.value for p in own]
        below = [p.value - p.low if math.isfinite(p.low) else 0.0 for p in own]
        above = [p.high - p.value if math.isfinite(p.high) else 0.0 for p in own]
        dashes: Any = _DASHES[k % len(_DASHES)]
        axis.errorbar(bits, values, (below, above), label=label, linestyle=dashes, capsize=2, markersize=5, **style)
        for point in own:
            if point.name:
                text = axis.annotate(
                    point.name, (point.bits, point.value), (4, 4), textcoords="offset points", fontsize=8
                )
                text.set_parse_math(False)
    xs, ys = [p.bits for p in kept], [y for p in kept for y in (p.value, p.low, p.high) if math.isfinite(y)]
    if label_bits is not None:
        ends = sorted({min(xs), min(max(label_bits, min(xs)), max(xs)), max(xs)})
        bound = [min(x, label_bits) for x in ends]
        axis.plot(ends, bound, color="0.4", linestyle=":", label="bound: min(bits, H(Y))")
        ys += bound
    _fit(axis, "x", xs, 6, decades=True)
    _fit(axis, "y", ys, 5)
    return _finished(figure, axis, len(labels) + (label_bits is not None))


def scatter(points: Sequence[ScatterPoint], *, xlabel: str, ylabel: str, title: str = "") -> Figure:
    """Dots; each label has a colour and a shape, in order of appearance. Points that are not finite are left out.

    Args:
        points: in the data's units; their ``text`` is not drawn.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: above.

    Raises:
        RegardError: no point is finite.

    Example:
        >>> figure = scatter([ScatterPoint("a", 1, 2, ""), ScatterPoint("b", 2, 3, "")], xlabel="NSS", ylabel="bits")
        >>> len(figure.axes[0].collections)
        2
    """
    axis, figure = _axes(title, xlabel, ylabel)
    kept = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    require(len(kept) > 0, "no point is finite")
    labels = list(dict.fromkeys(p.label for p in kept))
    for k, label in enumerate(labels):
        own = [p for p in kept if p.label == label]
        color, shape = PALETTE[k % len(PALETTE)], _SHAPES[k % len(_SHAPES)]
        axis.scatter([p.x for p in own], [p.y for p in own], s=22, c=color, marker=shape, label=label)
    _fit(axis, "x", [p.x for p in kept], 6)
    _fit(axis, "y", [p.y for p in kept], 5)
    return _finished(figure, axis, len(labels))


def _axes(title: str, xlabel: str, ylabel: str) -> tuple[Any, Figure]:
    figure = ShownFigure(figsize=_SIZE, dpi=150, layout="constrained")
    axis = figure.add_subplot()
    for text in (axis.set_title(title, fontsize=10), axis.set_xlabel(xlabel), axis.set_ylabel(ylabel)):
        text.set_parse_math(False)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)
    return axis, figure


def _fit(axis: Any, which: str, values: Sequence[float], count: int, *, decades: bool = False) -> None:
    """Ends and ticks of an axis, as those of the pages."""
    logarithmic = decades and is_logarithmic(values)
    whole = which == "x" and all(float(value).is_integer() for value in values)
    found = log_ticks(min(values), max(values)) if logarithmic else ticks(min(values), max(values), count, whole=whole)
    low, high = min([*values, *found]), max([*values, *found])
    margin = 0.02 * (high - low)
    if logarithmic:
        getattr(axis, f"set_{which}scale")("log")
        getattr(axis, f"set_{which}ticks")([], minor=True)
    ends = (low / 1.1, high * 1.1) if logarithmic else (low - margin, high + margin)
    getattr(axis, f"set_{which}ticks")(found, [short(value) for value in found])
    getattr(axis, f"set_{which}lim")(*ends)


def _finished(figure: Figure, axis: Any, entries: int) -> Figure:
    if entries > 1:
        for text in axis.legend(frameon=False, fontsize=8).get_texts():
            text.set_parse_math(False)
    return figure


def _finite(points: Any) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
