"""Maps as pictures, always on a stated scale: colour, overlay on the image, PNG, and sheets of several panels.

A picture is uint8 (H,W,3); a map is a float array (h,w) on its own grid. Colours are matplotlib's *inferno*, which is
perceptually uniform and reads in greyscale: dark is low, light is high. Relevance of both signs takes *berlin*: dark is
zero, red is evidence for the class, blue against it. Values that are not finite are mid-grey.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from regard.files import write_atomically
from regard.types import Map, RegardError, Unit

COLORMAP, SIGNED_COLORMAP = "inferno", "berlin"
GREY = 128
_WIDE, _GAP, _CAPTION = 2.1, 0.08, 0.42  # inches: columns, gaps, two lines below a panel
_TITLE, _COLUMNS = 95, 5  # longest title in characters; panels per row of a method sheet
UNITS: dict[Unit, str] = {"gate": "gate", "bits": "bits per position", "relevance": "relevance, no unit"}

Picture = NDArray[np.uint8]
_Values = NDArray[np.floating]


@dataclass(frozen=True)
class Scale:
    """The values at the two ends of the colours: ``low`` < ``high``, in ``unit``."""

    low: float
    high: float
    unit: Unit

    @property
    def colormap(self) -> str:
        """The matplotlib name of the colormap."""
        return SIGNED_COLORMAP if self.unit == "relevance" and self.low < 0 else COLORMAP


def scale_of(maps: Sequence[_Values] | _Values, unit: Unit) -> Scale:
    """One scale for all given maps, so that their pictures can be compared.

    A gate is drawn from 0 to 1, bits from 0 to the largest value, relevance from the smallest to the largest, or, where
    some is negative, as far to both sides of 0. Values outside widen the scale; one without width gets the width 1.
    """
    finite = [m[np.isfinite(m)] for m in map(np.asarray, maps)]
    values = np.concatenate([m.ravel() for m in finite]) if finite else np.zeros(0)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if unit in ("gate", "bits"):
        low = min(low, 0.0)
    if unit == "gate":
        high = max(high, 1.0)
    if unit == "relevance" and low < 0:
        low, high = -max(-low, high), max(-low, high)
    return Scale(low, high if high > low else low + 1.0, unit)


def colorize(values: _Values, scale: Scale) -> Picture:
    """A map (h,w) in colours (h,w,3), on ``scale``; values beyond its ends take the end's colour."""
    require(values.ndim == 2 and values.size > 0, f"a map has shape {values.shape}, expected (h,w)")
    position = (np.asarray(values, dtype=np.float64) - scale.low) / (scale.high - scale.low)
    finite = np.isfinite(position)
    index = np.rint(np.clip(np.where(finite, position, 0.0), 0.0, 1.0) * 255).astype(np.intp)
    picture = _colors(scale.colormap)[index]
    picture[~finite] = GREY
    return picture


def enlarge(values: _Values, size: tuple[int, int]) -> _Values:
    """A map (h,w) on the grid ``size``, by the one rule of `regard.types.Map.resize`."""
    values = np.asarray(values, dtype=np.float32)
    return Map(torch.from_numpy(values.copy())[None, None], "relevance").resize(size).values[0, 0].numpy()


def overlay(image: Picture, values: _Values, scale: Scale, opacity: float = 0.6) -> Picture:
    """The map's colours laid over its image (H,W,3): ``(1 - opacity) * image + opacity * colours``.

    Raises:
        RegardError: the image is no picture, or the opacity is not between 0 and 1.
    """
    require(
        image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8,
        f"a picture is {image.dtype}{image.shape}, expected uint8 (H,W,3)",
    )
    require(0.0 <= opacity <= 1.0, f"opacity is {opacity}, expected a number from 0 to 1")
    colours = colorize(enlarge(values, (image.shape[0], image.shape[1])), scale).astype(np.float64)
    return np.rint((1 - opacity) * image + opacity * colours).astype(np.uint8)


def picture_of(image: torch.Tensor) -> Picture:
    """An image tensor (3,H,W) in [0,1] as a picture."""
    require(image.ndim == 3 and image.shape[0] == 3, f"an image has shape {tuple(image.shape)}, expected (3,H,W)")
    return (image.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def picture_values(map: Map) -> _Values:
    """The single map of a ``Map`` (1,1,h,w) as an array (h,w)."""
    require(map.values.shape[:2] == (1, 1), f"one map was expected, not {tuple(map.values.shape)}")
    return map.values[0, 0].detach().float().cpu().numpy()


def png(picture: Picture) -> bytes:
    """A picture as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", optimize=True)
    return file.getvalue()


def write_png(path: Path, picture: Picture) -> Path:
    """Write a picture as PNG, whole or not at all.

    Raises:
        RegardError: the file cannot be written.
    """
    return write_atomically(path, png(picture))


def color_stops(count: int = 12) -> tuple[str, ...]:
    """``count`` colours from low to high as ``#rrggbb``, for a scale bar drawn elsewhere."""
    picked = _colors(COLORMAP)[np.linspace(0, 255, count).round().astype(int)]
    return tuple("#{:02x}{:02x}{:02x}".format(*c) for c in picked.tolist())


@cache
def _colors(name: str) -> Picture:
    table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    return np.ascontiguousarray(table, dtype=np.uint8)


def require(condition: bool, message: str) -> None:
    """Raise RegardError with ``message`` unless ``condition``."""
    if not condition:
        raise RegardError(message)


def sheet(
    images: Sequence[Picture],
    maps: Sequence[_Values],
    *,
    unit: Unit,
    titles: Sequence[str] | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
) -> Picture:
    """Rows of image, map on its own grid, overlay; one scale, shown as a bar with its unit, for all rows.

    Args:
        images: pictures, each of any size.
        maps: one map per image.
        unit: of the maps' values.
        titles: a line of text above each row, shown literally.
        scale: ends of the colours; those of all maps together by default.
        opacity: of the colours over the image.

    Returns:
        the sheet, 150 dots per inch, about 1,100 pixels wide.
    """
    require(len(images) == len(maps) > 0, f"{len(images)} images for {len(maps)} maps, expected one map per image")
    require(titles is None or len(titles) == len(images), "titles do not match the images, expected one per image")
    scale = scale or scale_of(maps, unit)
    heights = [_WIDE * min(max(i.shape[0] / i.shape[1], 0.25), 4.0) for i in images]
    head = 0.26 if titles is not None else _GAP
    across, high = 3 * _WIDE + 2 * _GAP + 1.05, sum(heights) + head * len(images) + 0.28
    figure = Figure(figsize=(across, high), dpi=150)
    canvas = FigureCanvasAgg(figure)

    def axes(left: float, top: float, width: float, height: float) -> Any:
        """Axes placed in inches from the upper left corner."""
        return figure.add_axes((left / across, 1 - (top + height) / high, width / across, height / high))

    top = 0.0
    for row, (image, values, height) in enumerate(zip(images, maps, heights, strict=True)):
        if titles is not None:
            title = " ".join(titles[row].split())  # a file name may hold a newline
            title = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
            text = figure.text(_GAP / across, 1 - (top + 0.19) / high, title, fontsize=9)
            text.set_parse_math(False)  # a file name may hold a dollar sign
        panels = (image, colorize(values, scale), overlay(image, values, scale, opacity))
        for column, (panel, name) in enumerate(zip(panels, ("image", "map, {} × {}", "overlay"), strict=True)):
            axis = axes(_GAP + column * (_WIDE + _GAP), top + head, _WIDE, height)
            # One extent for all three panels: a coarse map fills the same frame as its image.
            axis.imshow(panel, interpolation="nearest", extent=(0, image.shape[1], image.shape[0], 0), aspect="auto")
            axis.set_axis_off()
            if row == len(images) - 1:
                name = name.format(values.shape[1], values.shape[0])
                axis.text(0.5, -0.05 / height, name, transform=axis.transAxes, ha="center", va="top", fontsize=8)
        top += head + height
    bar_axes = axes(3 * (_WIDE + _GAP) + 0.1, head, 0.12, min(top - head, 2 * _WIDE))
    bar = figure.colorbar(ScalarMappable(Normalize(scale.low, scale.high), scale.colormap), cax=bar_axes)
    bar.set_label(UNITS[unit] + (", one scale for all" if len(images) > 1 else ""), fontsize=8)
    bar_axes.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a missing glyph is drawn as a box
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def method_sheet(image: Picture, maps: Mapping[str, Map], *, title: str) -> Picture:
    """The image, then a panel per method: its map over the image, on its own scale, whose ends are written below.

    Args:
        image: (H,W,3).
        maps: method's name -> one map (1,1,h,w).
        title: a line above, shown literally.

    Returns:
        the sheet, 150 dots per inch, about 1,650 pixels wide.
    """
    require(len(maps) > 0, "no maps to show")
    panels = [(image, "image", f"{image.shape[1]} × {image.shape[0]}")]
    for name, map in maps.items():
        values = picture_values(map)
        span = f"{values.min():.3g} to {values.max():.3g} {map.unit}, {values.shape[1]} × {values.shape[0]}"
        panel = overlay(image, values, scale_of([values], map.unit))
        panels.append((panel, name, span if values.any() else "zero everywhere"))
    height = _WIDE * min(max(image.shape[0] / image.shape[1], 0.25), 4.0)
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    across, high = columns * (_WIDE + _GAP) + _GAP, 0.3 + rows * (height + _CAPTION)
    figure = Figure(figsize=(across, high), dpi=150)
    canvas = FigureCanvasAgg(figure)
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
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
