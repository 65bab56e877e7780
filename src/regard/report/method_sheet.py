"""Several methods on one image, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from regard.report.overlay import Picture, check, overlay, picture_values, scale_of
from regard.types import Map

WIDE, GAP, WORDS, ACROSS = 2.1, 0.08, 0.42, 5  # inches, and panels a row
UNITS = {"gate": "gate", "bits": "bits", "relevance": "relevance"}


def method_sheet(image: Picture, maps: Mapping[str, Map], *, title: str) -> Picture:
    """The image, then a panel a method: its map over the image, on a scale of its own, whose ends are written below.

    Args:
        image: (H,W,3).
        maps: one map (1,1,h,w) a method's name.
        title: a line above, shown as it is.

    Returns:
        the sheet, 150 dots an inch, about 1,650 pixels wide.
    """
    check(len(maps) > 0, "no maps to show")
    height = WIDE * min(max(image.shape[0] / image.shape[1], 0.25), 4.0)
    columns = min(len(maps) + 1, ACROSS)
    rows = -(-(len(maps) + 1) // columns)
    across, high = columns * (WIDE + GAP) + GAP, 0.3 + rows * (height + WORDS)
    figure = Figure(figsize=(across, high), dpi=150)
    canvas = FigureCanvasAgg(figure)
    figure.text(GAP / across, 1 - 0.2 / high, " ".join(title.split())[:120], fontsize=9).set_parse_math(False)
    panels = [(image, "image", f"{image.shape[1]} × {image.shape[0]}")]
    for name, map in maps.items():
        values = picture_values(map)
        scale = scale_of([values], map.unit)
        span = f"{values.min():.3g} to {values.max():.3g} {UNITS[map.unit]}, {values.shape[1]} × {values.shape[0]}"
        panels.append((overlay(image, values, scale), name, "zero everywhere" if not values.any() else span))
    for k, (panel, name, words) in enumerate(panels):
        row, column = divmod(k, columns)
        left, top = GAP + column * (WIDE + GAP), 0.3 + row * (height + WORDS)
        axis = figure.add_axes((left / across, 1 - (top + height) / high, WIDE / across, height / high))
        axis.imshow(panel, interpolation="nearest", aspect="auto")
        axis.set_axis_off()
        for down, text, size in ((0.14, name, 8), (0.29, words, 6.5)):
            below = 1 - (top + height + down) / high
            figure.text((left + WIDE / 2) / across, below, text, ha="center", fontsize=size).set_parse_math(False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
