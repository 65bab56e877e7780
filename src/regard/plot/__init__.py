"""Figures of maps, curves and planes, with colours that everybody can tell apart and a unit on every bar.

The pages of regard are drawn with the same pixels, scales and ticks. Not here: pages (report), and the making of maps.
"""

from regard.plot.axis_ticks import is_logarithmic, log_ticks, short, ticks
from regard.plot.lines import PALETTE, PlanePoint, ScatterPoint, Series, curve, plane, scatter
from regard.plot.pixels import (
    COLORMAP,
    GREY,
    SIGNED_COLORMAP,
    UNITS,
    MapValues,
    Picture,
    Scale,
    blend,
    color_stops,
    colorize,
    enlarge,
    picture_of,
    picture_values,
    png,
    scale_of,
    write_png,
)
from regard.plot.rankings import RankedValue, ranking
from regard.plot.sheets import method_sheet, overlay, rasterize, sheet

__all__ = [
    "COLORMAP",
    "GREY",
    "PALETTE",
    "SIGNED_COLORMAP",
    "UNITS",
    "MapValues",
    "Picture",
    "PlanePoint",
    "RankedValue",
    "Scale",
    "ScatterPoint",
    "Series",
    "blend",
    "color_stops",
    "colorize",
    "curve",
    "enlarge",
    "is_logarithmic",
    "log_ticks",
    "method_sheet",
    "overlay",
    "picture_of",
    "picture_values",
    "plane",
    "png",
    "ranking",
    "rasterize",
    "scale_of",
    "scatter",
    "sheet",
    "short",
    "ticks",
    "write_png",
]
