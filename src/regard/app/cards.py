"""What the app shows, as pieces of HTML: maps side by side, notes, charts. Every text in them is escaped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from regard.app.look import Looked, LookedMap
from regard.plot import UNITS, Picture, Scale, Series, color_stops, enlarge, scale_of
from regard.report import Panels, chart, number, panels, render_page

_FRAME, _FRAME_COLOR = 2, (213, 94, 0)
_SHOWN = 448
"""Pixels of the longer side of a picture that can be clicked."""


@dataclass(frozen=True)
class MapCard:
    """A map as it is drawn: ``stops`` are the colours of its scale from low to high."""

    title: str
    panels: Panels
    scale: Scale
    unit: str
    total: float | None
    seconds: float | None
    stops: tuple[str, ...]
    coarse: bool


def map_card(title: str, picture: Picture, map: LookedMap, *, top_bits: float = 0.0, timed: bool = True) -> MapCard:
    """A map over its picture.

    Args:
        title: above it.
        picture: (H,W,3).
        map: with its unit.
        top_bits: bits per position at the lightest colour, so that pictures can be compared; 0: the map's own largest.
        timed: whether the seconds that it took are said.
    """
    values, unit = map.values, map.map.unit
    scale = Scale(0.0, top_bits, unit) if unit == "bits" and top_bits > 0 else scale_of([values], unit)
    total = float(values.sum()) if unit == "bits" else None
    drawn = panels(picture, values, scale)
    seconds = map.seconds if timed else None
    stops = color_stops(colormap=scale.colormap)
    return MapCard(title, drawn, scale, UNITS[unit], total, seconds, stops, max(picture.shape[:2]) < _SHOWN // 2)


def maps_html(looked: Looked | None, *, top_bits: float = 0.0) -> str:
    """All maps of a picture side by side, and above them what is explained."""
    if looked is None:
        return ""
    cards = [map_card(map.label, looked.picture, map, top_bits=top_bits) for map in looked.maps]
    classes, chance = looked.subject.classes, looked.probabilities
    asked = f"explained: {classes[looked.target]}, probability {number(float(chance[looked.target]))}"
    if looked.against is not None:
        asked += f", and not {classes[looked.against]}, {number(float(chance[looked.against]))}"
    return render_page(
        "app/maps.html.j2", cards=cards, heading=f"{looked.name}: {looked.prediction}", asked=asked, points=None
    )


def cards_html(
    cards: Sequence[MapCard], heading: str, lead: str = "", points: Sequence[tuple[float, float]] | None = None
) -> str:
    """Any maps side by side under a heading; and, of one, the picture with points in percent of width and height."""
    return render_page("app/maps.html.j2", cards=list(cards), heading=heading, asked=lead, points=points)


def notes_html(problems: Sequence[object], done: str = "") -> str:
    """What was done, and what could not be, each as text."""
    return render_page("app/notes.html.j2", problems=[str(problem) for problem in problems], done=done)


def chart_html(title: str, series: Sequence[Series], *, xlabel: str) -> str:
    """One chart of lines, or nothing where they have no point."""
    return charts_html([(title, series)], xlabel=xlabel)


def charts_html(charts: Sequence[tuple[str, Sequence[Series]]], *, xlabel: str = "epoch") -> str:
    """Charts side by side, each a title and its lines; those without a point are left out."""
    drawn = [chart(title, series, xlabel=xlabel, decades=True) for title, series in charts]
    return render_page("app/charts.html.j2", charts=[each for each in drawn if each is not None])


def clickable(
    picture: Picture, grid: tuple[int, int] | None = None, framed: Collection[tuple[int, int]] = ()
) -> Picture:
    """A picture enlarged without smoothing, with thin lines between the positions of a grid (h,w), some in a frame."""
    height, width = picture.shape[:2]
    factor = max(1, round(_SHOWN / max(height, width)))
    large = picture.repeat(factor, 0).repeat(factor, 1)
    if grid is not None and max(grid) * 4 <= max(large.shape[:2]):
        for axis, count in enumerate(grid):
            lines = (np.arange(1, count) * large.shape[axis] / count).round().astype(int)
            index = (lines,) if axis == 0 else (slice(None), lines)
            large[index] = (0.6 * large[index] + 0.4 * 255).astype(np.uint8)
        for cell in framed:
            (top, bottom), (left, right) = (
                (round(k * side / count), round((k + 1) * side / count))
                for k, side, count in zip(cell, large.shape[:2], grid, strict=True)
            )
            inner = large[top + _FRAME : bottom - _FRAME, left + _FRAME : right - _FRAME].copy()
            large[top:bottom, left:right] = _FRAME_COLOR
            large[top + _FRAME : bottom - _FRAME, left + _FRAME : right - _FRAME] = inner
    return large


def closed_over(picture: Picture, mask: np.ndarray) -> Picture:
    """The picture with the positions that are not in a mask (h,w) darkened."""
    shown = enlarge(mask.astype(np.float32), (picture.shape[0], picture.shape[1])) > 0.5
    return np.where(shown[..., None], picture, picture // 5).astype(np.uint8)
