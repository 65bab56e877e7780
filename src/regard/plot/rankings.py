"""Named values in order, one a line, each with its interval: which is best, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from regard.plot.axis_ticks import short, ticks
from regard.plot.lines import PALETTE
from regard.plot.pixels import require

_LINE, _WIDTH, _FRAME = 0.23, 7.6, 1.1


@dataclass(frozen=True)
class RankedValue:
    """One line of `ranking`.

    Attributes:
        label: in words.
        value: where the dot stands.
        low: of its interval; NaN without one.
        high: likewise.
        marked: drawn in another colour and shape, with a bold label.
    """

    label: str
    value: float
    low: float = math.nan
    high: float = math.nan
    marked: bool = False


def ranking(
    values: Sequence[RankedValue], *, xlabel: str, title: str = "", level: float | None = None, level_label: str = ""
) -> Figure:
    """Dots with intervals, the largest value on top; those that are not finite are left out.

    Args:
        values: in any order.
        xlabel: what a value is, with its unit.
        title: above.
        level: a value that is drawn as a dotted line, such as a goal.
        level_label: its name in the legend.

    Raises:
        RegardError: no value is finite.

    Example:
        >>> figure = ranking([RankedValue("a", 0.2), RankedValue("b", 0.9, 0.8, 0.95, True)], xlabel="tau", level=0.9)
        >>> figure.axes[0].get_yticklabels()[0].get_text()
        'b'
    """
    kept = sorted((v for v in values if math.isfinite(v.value)), key=lambda v: -v.value)
    require(len(kept) > 0, "no value is finite")
    figure = Figure(figsize=(_WIDTH, _FRAME + _LINE * len(kept)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    for place, v in enumerate(kept):
        color, shape = (PALETTE[1], "D") if v.marked else (PALETTE[0], "o")
        if math.isfinite(v.low) and math.isfinite(v.high):
            axis.plot([v.low, v.high], [place, place], color=color, linewidth=1.4)
        axis.plot([v.value], [place], color=color, marker=shape, markersize=5, linestyle="none")
    if level is not None:
        axis.axvline(level, color="0.4", linestyle=":", label=level_label or short(level))
        for text in axis.legend(frameon=False, fontsize=8, loc="lower right").get_texts():
            text.set_parse_math(False)
    axis.set_yticks(range(len(kept)), [v.label for v in kept], fontsize=8)
    for text, v in zip(axis.get_yticklabels(), kept, strict=True):
        text.set_parse_math(False)
        text.set_fontweight("bold" if v.marked else "normal")
    ends = [x for v in kept for x in (v.value, v.low, v.high) if math.isfinite(x)] + ([] if level is None else [level])
    found = ticks(min(ends), max(ends), 5)
    axis.set_xticks(found, [short(x) for x in found])
    axis.set_ylim(len(kept) - 0.5, -0.5)
    for text in (axis.set_title(title, fontsize=10, loc="left"), axis.set_xlabel(xlabel)):
        text.set_parse_math(False)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)
    return figure
