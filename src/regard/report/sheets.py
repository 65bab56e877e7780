"""A sheet of pictures for one or more images: image, map with its scale, overlay."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from regard.report.overlay import UNITS, Picture, Scale, Values, check, colorize, overlay, scale_of
from regard.types import Unit

WIDE, GAP, TITLE = 2.1, 0.08, 95  # columns and gaps in inches, the longest title in characters


def sheet(
    images: Sequence[Picture],
    maps: Sequence[Values],
    *,
    unit: Unit,
    titles: Sequence[str] | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
) -> Picture:
    """Rows of image, map on its own grid, overlay; one scale, shown as a bar with its unit, for all rows.

    Args:
        images: pictures, each of any size.
        maps: one map an image.
        unit: what a map's value says.
        titles: a line of text above each row, shown as it is.
        scale: ends of the colours; from all maps together where not given.
        opacity: of the colours over the image.

    Returns:
        the sheet, 150 dots an inch, about 1,100 pixels wide.
    """
    check(len(images) == len(maps) > 0, f"{len(images)} images for {len(maps)} maps, expected one map an image")
    check(titles is None or len(titles) == len(images), "titles do not match the images, expected one an image")
    scale = scale or scale_of(maps, unit)
    heights = [WIDE * min(max(i.shape[0] / i.shape[1], 0.25), 4.0) for i in images]
    head = 0.26 if titles is not None else GAP
    across, high = 3 * WIDE + 2 * GAP + 1.05, sum(heights) + head * len(images) + 0.28
    figure = Figure(figsize=(across, high), dpi=150)
    canvas = FigureCanvasAgg(figure)

    def axes(left: float, top: float, width: float, height: float) -> Any:
        """Axes placed in inches from the upper left corner."""
        return figure.add_axes((left / across, 1 - (top + height) / high, width / across, height / high))

    top = 0.0
    for row, (image, values, height) in enumerate(zip(images, maps, heights, strict=True)):
        if titles is not None:
            shown = " ".join(titles[row].split())  # one line, whatever a file is called
            shown = shown if len(shown) <= TITLE else shown[: TITLE - 1] + "…"
            text = figure.text(GAP / across, 1 - (top + 0.19) / high, shown, fontsize=9)
            text.set_parse_math(False)  # a file name may hold a dollar sign
        panels = (image, colorize(values, scale), overlay(image, values, scale, opacity))
        for column, (panel, name) in enumerate(zip(panels, ("image", "map, {} × {}", "overlay"), strict=True)):
            axis = axes(GAP + column * (WIDE + GAP), top + head, WIDE, height)
            # One extent for all three, so that a coarse map fills the same frame as its image.
            axis.imshow(panel, interpolation="nearest", extent=(0, image.shape[1], image.shape[0], 0), aspect="auto")
            axis.set_axis_off()
            if row == len(images) - 1:
                name = name.format(values.shape[1], values.shape[0])
                axis.text(0.5, -0.05 / height, name, transform=axis.transAxes, ha="center", va="top", fontsize=8)
        top += head + height
    bar_axes = axes(3 * (WIDE + GAP) + 0.1, head, 0.12, min(top - head, 2 * WIDE))
    bar = figure.colorbar(ScalarMappable(Normalize(scale.low, scale.high), scale.colormap), cax=bar_axes)
    bar.set_label(UNITS[unit] + (", one scale for all" if len(images) > 1 else ""), fontsize=8)
    bar_axes.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # drawn as a box, which says it
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
