"""What no table of fixations may hold, whatever part of it; each check raises an error that names place and remedy.

What only a whole table can show, such as its units, is checked once in `regard.gaze.entry`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regard.types import RegardError

_Array = npt.NDArray[Any]


def outside(image: _Array, x: _Array, y: _Array, sizes: _Array) -> npt.NDArray[np.bool_]:
    """Which points lie outside of their image: not 0 <= x < width or not 0 <= y < height; NaN lies outside."""
    height, width = sizes[image, 0], sizes[image, 1]
    return ~((x >= 0) & (x < width) & (y >= 0) & (y < height))


def check_points(image: _Array, x: _Array, y: _Array, sizes: _Array, images: tuple[str, ...]) -> None:
    """Raise RegardError if points lie outside of their image."""
    beyond = outside(image, x, y, sizes)
    if not beyond.any():
        return
    k = int(np.argmax(beyond))
    h, w = (int(v) for v in sizes[image[k]])
    raise RegardError(
        f"{int(beyond.sum())} of {len(x)} fixations lie outside of their image; the first is row {k} at (x={x[k]:g}, "
        f"y={y[k]:g}) on {images[image[k]]!r} of {w}x{h}: correct them, or leave them out by --points-outside drop "
        "(points_outside='drop' in Python)"
    )


def check_durations(duration: _Array) -> None:
    """Raise RegardError for negative durations."""
    if (duration < 0).any():
        k = int(np.argmax(duration < 0))
        raise RegardError(f"durations must not be negative: row {k} has {duration[k]:g} ms")


def check_codes(name: str, codes: _Array, count: int) -> None:
    """Raise RegardError if an index column points outside of its list of names."""
    if len(codes) and (codes.min() < 0 or codes.max() >= count):
        raise RegardError(f"{name} has indices from {codes.min()} to {codes.max()}, but there are {count} names")


def check_sizes(sizes: _Array, images: tuple[str, ...]) -> None:
    """Raise RegardError unless image names differ and every height and width is positive."""
    if sizes.shape != (len(images), 2):
        raise RegardError(f"sizes must be ({len(images)},2), height and width of each image, not {sizes.shape}")
    if len(set(images)) != len(images):
        twice = next(name for k, name in enumerate(images) if name in images[:k])
        raise RegardError(f"image {twice!r} is listed twice: names of images must differ")
    if len(sizes) and sizes.min() < 1:
        k = int(np.argmin(sizes.min(1)))
        raise RegardError(f"image {images[k]!r} has (height, width) {sizes[k].tolist()}: both must be positive")
