"""Maps as figures: over their image, rows of several images, several methods on one image; each bar has its unit."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from regard.plot.figure import ShownFigure
from regard.plot.pixels import (
    UNITS,
    MapValues,
    Picture,
    Scale,
    blend,
    colorize,
    picture_of,
    picture_values,
    require,
    scale_of,
)
from regard.types import Map, Unit

_WIDE, _GAP, _CAPTION = 2.1, 0.08, 0.42  # inches: columns, gaps, two lines below a panel
_TITLE, _COLUMNS = 95, 5  # longest title in characters; panels per row of a method sheet


def overlay(
    image: Picture | torch.Tensor,
    map: Map | MapValues,
    *,
    unit: Unit | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
    title: str = "",
) -> Figure:
    """A map laid over its image, with the bar of its scale and unit.

    The colours are ``(1 - opacity) * image + opacity * colour``, the map enlarged as `regard.types.Map.resize` does.

    Args:
        image: (3,H,W) in [0,1], or a picture uint8 (H,W,3).
        map: one map (1,1,h,w), or its values (h,w).
        unit: of values that are no `Map`.
        scale: ends of the colours; those of the map by default.
        opacity: of the colours, 0 to 1.
        title: a line above, shown literally.

    Raises:
        RegardError: the image or map has another shape, or values come without a unit.

    Example:
        >>> import torch
        >>> from regard.types import Map
        >>> figure = overlay(torch.rand(3, 32, 32), Map(torch.rand(1, 1, 4, 4), "bits"))
        >>> figure.axes[-1].get_ylabel()
        'bits per position'
    """
    picture = _picture(image)
    found, unit = _single_unit(map if isinstance(map, Map) else [map], unit)
    require(len(found) == 1, f"one map was expected, not {len(found)}; regard.plot.sheet draws several")
    (values,) = found
    scale = scale or scale_of([values], unit)
    height = 2 * _WIDE * min(max(picture.shape[0] / picture.shape[1], 0.25), 4.0)
    head = 0.26 if title else _GAP
    page = _Page(2 * _WIDE + 2 * _GAP + 1.05, head + height + 0.1)
    if title:
        page.title(title)
    axis = page.axes(_GAP, head, 2 * _WIDE, height)
    axis.imshow(blend(picture, values, scale, opacity), interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    page.bar(2 * _WIDE + 2 * _GAP + 0.1, head, height, scale, UNITS[unit])
    return page.figure


def sheet(
    images: Sequence[Picture] | torch.Tensor,
    maps: Map | Sequence[MapValues],
    *,
    unit: Unit | None = None,
    titles: Sequence[str] | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
) -> Figure:
    """Rows of image, map on its own grid, overlay; one scale, shown as a bar with its unit, for all rows.

    Args:
        images: (B,3,H,W) in [0,1], or pictures uint8 (H,W,3), each of any size.
        maps: maps (B,1,h,w), or the values (h,w) of each.
        unit: of values that are no `Map`.
        titles: a line of text above each row, shown literally.
        scale: ends of the colours; those of all maps together by default.
        opacity: of the colours over the image.

    Returns:
        The figure, about seven inches wide, 150 dots per inch.

    Raises:
        RegardError: not one map or title per image, another shape, or values without a unit.

    Example:
        >>> import torch
        >>> from regard.types import Map
        >>> figure = sheet(torch.rand(2, 3, 32, 32), Map(torch.rand(2, 1, 4, 4), "gate"), titles=["a", "b"])
        >>> len(figure.axes), figure.axes[-1].get_ylabel()
        (7, 'gate, one scale for all')
    """
    pictures = [_picture(image) for image in images]
    values, unit = _single_unit(maps, unit)
    require(len(pictures) == len(values) > 0, f"{len(pictures)} images for {len(values)} maps, expected one per image")
    require(titles is None or len(titles) == len(pictures), "titles do not match the images, expected one per image")
    scale = scale or scale_of(values, unit)
    heights = [_WIDE * min(max(i.shape[0] / i.shape[1], 0.25), 4.0) for i in pictures]
    head = 0.26 if titles is not None else _GAP
    page = _Page(3 * _WIDE + 2 * _GAP + 1.05, sum(heights) + head * len(pictures) + 0.28)
    top = 0.0
    for row, (image, map, height) in enumerate(zip(pictures, values, heights, strict=True)):
        if titles is not None:
            page.title(titles[row], top)
        panels = (image, colorize(map, scale), blend(image, map, scale, opacity))
        for column, (panel, name) in enumerate(zip(panels, ("image", "map, {} × {}", "overlay"), strict=True)):
            axis = page.axes(_GAP + column * (_WIDE + _GAP), top + head, _WIDE, height)
            # One extent for all three panels: a coarse map fills the same frame as its image.
            axis.imshow(panel, interpolation="nearest", extent=(0, image.shape[1], image.shape[0], 0), aspect="auto")
            axis.set_axis_off()
            if row == len(pictures) - 1:
                name = name.format(map.shape[1], map.shape[0])
                axis.text(0.5, -0.05 / height, name, transform=axis.transAxes, ha="center", va="top", fontsize=8)
        top += head + height
    label = UNITS[unit] + (", one scale for all" if len(pictures) > 1 else "")
    page.bar(3 * (_WIDE + _GAP) + 0.1, head, min(top - head, 2 * _WIDE), scale, label)
    return page.figure


def method_sheet(image: Picture, maps: Mapping[str, Map], *, title: str) -> Figure:
    """The image, then a panel per method: its map over the image, on its own scale, whose ends are written below.

    Args:
        image: (H,W,3).
        maps: method's name -> one map (1,1,h,w).
        title: a line above, shown literally.

    Returns:
        The figure, eleven inches wide where there are five panels or more, 150 dots per inch.
    """
    require(len(maps) > 0, "no maps to show")
    panels = [(image, "image", f"{image.shape[1]} × {image.shape[0]}")]
    for name, map in maps.items():
        values = picture_values(map)
        span = f"{values.min():.3g} to {values.max():.3g} {map.unit}, {values.shape[1]} × {values.shape[0]}"
        panel = blend(image, values, scale_of([values], map.unit))
        panels.append((panel, name, span if values.any() else "zero everywhere"))
    height = _WIDE * min(max(image.shape[0] / image.shape[1], 0.25), 4.0)
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    across, high = columns * (_WIDE + _GAP) + _GAP, 0.3 + rows * (height + _CAPTION)
    figure = ShownFigure(figsize=(across, high), dpi=150)
    figure.text(_GAP / across, 1 - 0.2 / high, " ".join(title.split())[:120], fontsize=9).set_parse_math(False)
    for k, (panel, name, caption) in enumerate(panels):
        row, column = divmod(k, columns)
        left, top = _GAP + column * (_WIDE + _GAP), 0.3 + row * (height + _CAPTION)
        axis = figure.add_axes((left / across, 1 - (top + height) / high, _WIDE / across, height / high))
        axis.imshow(panel, interpolation="nearest", aspect="auto")
        axis.set_axis_off()
        for down, text, size in ((0.14, name, 8), (0.29, caption, 6.5)):
            below = 1 - (top + height + down) / high
            figure.text((left + _WIDE / 2) / across, below, text, ha="center", fontsize=size).set_parse_math(False)
    return figure


def rasterize(figure: Figure) -> Picture:
    """The pixels of a figure (H,W,3)."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a missing glyph is drawn as a box
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class _Page:
    """A figure whose parts are placed in inches from the upper left corner."""

    def __init__(self, across: float, high: float) -> None:
        self.across, self.high = across, high
        self.figure = ShownFigure(figsize=(across, high), dpi=150)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        across, high = self.across, self.high
        return self.figure.add_axes((left / across, 1 - (top + height) / high, width / across, height / high))

    def title(self, text: str, top: float = 0.0) -> None:
        line = " ".join(text.split())  # a file name may hold a newline
        line = line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"
        drawn = self.figure.text(_GAP / self.across, 1 - (top + 0.19) / self.high, line, fontsize=9)
        drawn.set_parse_math(False)  # a file name may hold a dollar sign

    def bar(self, left: float, top: float, height: float, scale: Scale, label: str) -> None:
        place = self.axes(left, top, 0.12, height)
        bar = self.figure.colorbar(ScalarMappable(Normalize(scale.low, scale.high), scale.colormap), cax=place)
        bar.set_label(label, fontsize=8)
        place.tick_params(labelsize=8)
        bar.outline.set_visible(False)


def _picture(image: Picture | torch.Tensor) -> Picture:
    return picture_of(image) if isinstance(image, torch.Tensor) else image


def _single_unit(maps: Map | Sequence[MapValues], unit: Unit | None) -> tuple[list[MapValues], Unit]:
    """The values of every map, and their unit."""
    if isinstance(maps, Map):
        require(maps.values.shape[1] == 1, f"maps of one channel were expected, not {tuple(maps.values.shape)}")
        require(unit in (None, maps.unit), f"unit is {unit!r}, but the maps are in {maps.unit!r}; leave it out")
        return [values.numpy() for values in maps.values[:, 0].detach().float().cpu()], maps.unit
    require(unit is not None, "values without a unit; give a Map, or unit='gate', 'bits' or 'relevance'")
    assert unit is not None
    return list(maps), unit
