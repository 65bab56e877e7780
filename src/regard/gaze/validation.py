"""What can be wrong with a table of fixations; each check raises an error that names the likely cause and remedy."""

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
    """Raise RegardError if points lie outside of their image; the message names the likely cause.

    In this order: coordinates that are fractions of the image, swapped axes, 1-based coordinates, coordinates of a
    larger screen or original, else points that are simply outside.
    """
    check_systematic(image, x, y, sizes)
    beyond = outside(image, x, y, sizes)
    if not beyond.any():
        return
    k = int(np.argmax(beyond))
    h, w = (int(v) for v in sizes[image[k]])
    raise RegardError(
        f"{int(beyond.sum())} of {len(x)} fixations lie outside of their image; the first is row {k} at (x={x[k]:g}, "
        f"y={y[k]:g}) on {images[image[k]]!r} of {w}x{h}: correct them, or pass points_outside='drop' to leave them out"
    )


def check_systematic(image: _Array, x: _Array, y: _Array, sizes: _Array) -> None:
    """Raise RegardError with the likely cause if the coordinates are wrong as a whole."""
    finite = np.isfinite(x) & np.isfinite(y)
    image, x, y = image[finite], x[finite], y[finite]
    if len(x) == 0:
        return
    if len(x) > 1 and sizes[image].min() > 4 and x.min() >= 0 and y.min() >= 0 and max(x.max(), y.max()) <= 1:
        raise RegardError(
            f"coordinates look like fractions of the image (largest x {x.max():g}, y {y.max():g}): multiply x by the "
            "width and y by the height"
        )
    beyond = outside(image, x, y, sizes)
    share = beyond.mean()
    if share == 0:
        return
    if not outside(image, y, x, sizes).any():
        raise RegardError(
            f"axes look swapped: {share:.1%} of the points lie outside of their image, none does with x and y "
            "exchanged: x is the column, y the row"
        )
    height, width = sizes[image, 0], sizes[image, 1]
    at_end = ((x == width) | (y == height)).any()
    if at_end and x.min() >= 1 and y.min() >= 1 and not outside(image, x - 1, y - 1, sizes).any():
        raise RegardError(
            "coordinates look 1-based (the smallest are 1, the largest equal the image's size): subtract 1 from x and "
            "y; pixels are counted from 0"
        )
    if share > 0.2:
        raise RegardError(
            f"{share:.0%} of the points lie outside of their image (largest x {x.max():g}, y {y.max():g}; images are "
            f"up to {int(width.max())} wide and {int(height.max())} high): are these pixels of the screen or of the "
            "original? Read with the sizes that the coordinates refer to, then rescale"
        )


def check_durations(duration: _Array) -> None:
    """Raise RegardError for negative durations and for units other than milliseconds.

    A fixation lasts between some 50 ms and a few seconds: a median below 5 means seconds, above 20,000 microseconds.
    """
    finite = duration[np.isfinite(duration)]
    if len(finite) == 0:
        return
    if (finite < 0).any():
        k = int(np.argmax(duration < 0))
        raise RegardError(f"durations must not be negative: row {k} has {duration[k]:g} ms")
    median = float(np.median(finite))
    unit = "seconds" if 0 < median < 5 else "microseconds" if median > 20_000 else None
    if unit:
        factor = "multiply by" if unit == "seconds" else "divide by"
        raise RegardError(f"durations look like {unit} (median {median:g}): milliseconds are expected, {factor} 1000")


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
