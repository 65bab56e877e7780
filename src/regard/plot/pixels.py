"""Maps as pictures, always on a stated scale: colour, a map laid over its image, PNG.

A picture is uint8 (H,W,3); a map is a float array (h,w) on its own grid. Colours are matplotlib's *inferno*, which is
perceptually uniform and reads in greyscale: dark is low, light is high. Relevance of both signs takes *berlin*: dark is
zero, red is evidence for the class, blue against it. Values that are not finite are mid-grey.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from regard.files import write_atomically
from regard.types import Map, RegardError, Unit

COLORMAP, SIGNED_COLORMAP = "inferno", "berlin"
GREY = 128
UNITS: dict[Unit, str] = {"gate": "gate", "bits": "bits per position", "relevance": "relevance, no unit"}

Picture = NDArray[np.uint8]
MapValues = NDArray[np.floating]


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


def scale_of(maps: Sequence[MapValues] | MapValues, unit: Unit) -> Scale:
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


def colorize(values: MapValues, scale: Scale) -> Picture:
    """A map (h,w) in colours (h,w,3), on ``scale``; values beyond its ends take the end's colour."""
    require(values.ndim == 2 and values.size > 0, f"a map has shape {values.shape}, expected (h,w)")
    position = (np.asarray(values, dtype=np.float64) - scale.low) / (scale.high - scale.low)
    finite = np.isfinite(position)
    index = np.rint(np.clip(np.where(finite, position, 0.0), 0.0, 1.0) * 255).astype(np.intp)
    picture = _colors(scale.colormap)[index]
    picture[~finite] = GREY
    return picture


def enlarge(values: MapValues, size: tuple[int, int]) -> MapValues:
    """A map (h,w) on the grid ``size``, by the one rule of `regard.types.Map.resize`."""
    values = np.asarray(values, dtype=np.float32)
    return Map(torch.from_numpy(values.copy())[None, None], "relevance").resize(size).values[0, 0].numpy()


def blend(image: Picture, values: MapValues, scale: Scale, opacity: float = 0.6) -> Picture:
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


def picture_values(map: Map) -> MapValues:
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


def color_stops(count: int = 12, colormap: str = COLORMAP) -> tuple[str, ...]:
    """``count`` colours from low to high as ``#rrggbb``, for a scale bar drawn elsewhere."""
    picked = _colors(colormap)[np.linspace(0, 255, count).round().astype(int)]
    return tuple("#{:02x}{:02x}{:02x}".format(*c) for c in picked.tolist())


@cache
def _colors(name: str) -> Picture:
    table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    return np.ascontiguousarray(table, dtype=np.uint8)


def require(condition: bool, message: str) -> None:
    """Raise RegardError with ``message`` unless ``condition``."""
    if not condition:
        raise RegardError(message)
