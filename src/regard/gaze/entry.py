"""What a table of gaze is checked for once, where it enters: units of coordinates and of time, and what lies outside.

A single file cannot say what its numbers mean, but a whole table usually shows it: fractions of the screen, axes
exchanged, pixels counted from 1, pixels of a larger screen, seconds instead of milliseconds. Such a guess is right for
a table and wrong for a part of it (all fixations of one viewing may lie in the corner), so it is made here and nowhere
else; and whoever states the units is believed. Every error names the option of `regard score` that mends the cause.

On square images exchanged axes cannot be told from right ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from regard.gaze.validation import outside
from regard.types import RegardError

_Array = npt.NDArray[Any]
_Floats = npt.NDArray[np.float64]
Outside = Literal["raise", "drop"]
Units = Literal["auto", "pixels", "fraction"]
TimeUnit = Literal["auto", "ms", "s", "us", "ns"]
_IN_MS: Mapping[str, float] = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ns": 1e-6}
_NAMES = {"s": "seconds", "us": "microseconds", "ns": "nanoseconds"}
_FEW = 3  # points outside of their image that may be strays, whatever they would be otherwise


class GazeUnits(TypedDict, total=False):
    """How a table of gaze is to be understood; every reader takes these, `make_fixations` describes them."""

    units: Units
    first_pixel: Literal[0, 1]
    gaze_size: tuple[int, int] | None
    duration_unit: TimeUnit
    points_outside: Outside


class GazeReading(GazeUnits, total=False):
    """How a file of fixations is to be read: its columns, by regard's names for them, and their units."""

    columns: Mapping[str, str]
    pixels_per_degree: float


def check_unit_names(units: str, first_pixel: int, duration_unit: str, points_outside: str) -> None:
    """Raise RegardError for an option that does not exist."""
    for name, value, choices in (
        ("units", units, ("auto", "pixels", "fraction")),
        ("first_pixel", first_pixel, (0, 1)),
        ("duration_unit", duration_unit, ("auto", *_IN_MS)),
        ("points_outside", points_outside, ("raise", "drop")),
    ):
        if value not in choices:
            raise RegardError(f"{name}={value!r}: one of {', '.join(map(str, choices))} is needed")


def in_pixels(
    image: _Array, x: _Floats, y: _Floats, sizes: _Array, *, units: Units, first_pixel: int
) -> tuple[_Floats, _Floats]:
    """Coordinates in pixels from 0 of images of ``sizes`` (M,2).

    Raises:
        RegardError: with ``auto``, coordinates that do not look like pixels of the images; with ``fraction``, ones that
            do not look like fractions.
    """
    if units == "fraction":
        finite = np.isfinite(x) & np.isfinite(y)
        if finite.any() and max(np.median(np.abs(x[finite])), np.median(np.abs(y[finite]))) > 2:
            raise RegardError(
                f"coordinates are no fractions of the image (largest x {x[finite].max():g}, y {y[finite].max():g}): "
                "leave --units fraction out (units='fraction' in Python)"
            )
        return x * sizes[image, 1], y * sizes[image, 0]
    if units == "auto":
        check_pixels(image, x - first_pixel, y - first_pixel, sizes)
    return x - first_pixel, y - first_pixel


def check_pixels(image: _Array, x: _Floats, y: _Floats, sizes: _Array) -> None:
    """Raise RegardError with the likely cause if a whole table's coordinates are not pixels of its images, from 0."""
    finite = np.isfinite(x) & np.isfinite(y)
    image, x, y = image[finite], x[finite], y[finite]
    if len(x) == 0:
        return
    if len(x) > 1 and sizes[image].min() > 4:
        _check_fractions(x, y)
    beyond = outside(image, x, y, sizes)
    share = beyond.mean()
    if share == 0:
        return
    if beyond.sum() >= _FEW and not outside(image, y, x, sizes).any():
        raise RegardError(
            f"axes look swapped: {share:.1%} of the points lie outside of their image, none does with x and y "
            "exchanged: x is the column, y the row; --columns x=y,y=x (columns={'x': 'y', 'y': 'x'}) exchanges them"
        )
    height, width = sizes[image, 0], sizes[image, 1]
    at_end = int(((x == width) | (y == height)).sum())
    whole = bool((x == np.floor(x)).all() and (y == np.floor(y)).all())
    from_1 = bool(at_end) and (whole or at_end >= _FEW) and min(x.min(), y.min()) >= 1
    if from_1 and not outside(image, x - 1, y - 1, sizes).any():
        raise RegardError(
            "coordinates look 1-based (the smallest are 1, the largest equal the image's size): pixels are counted "
            "from 0; --first-pixel 1 (first_pixel=1) subtracts 1, --units pixels (units='pixels') takes them as given"
        )
    if share > 0.2:
        raise RegardError(
            f"{share:.0%} of the points lie outside of their image (x {x.min():g} to {x.max():g}, y {y.min():g} to "
            f"{y.max():g}; images are up to {int(width.max())} wide and {int(height.max())} high): are these pixels of "
            "the screen or of the original? --gaze-size WIDTHxHEIGHT (gaze_size=(height, width)) says of which size "
            "they are, so that regard can rescale them; --units pixels --points-outside drop leaves those outside out"
        )


def _check_fractions(x: _Floats, y: _Floats) -> None:
    """Fractions stay fractions where some look past the border, and where lost gaze is coded by a negative number."""
    shown = (x >= 0) & (y >= 0)
    largest = np.maximum(np.abs(x), np.abs(y))
    if not (largest > 0).any():
        return
    unit = shown & (largest <= 1)
    parts = (x[unit] != np.floor(x[unit])) | (y[unit] != np.floor(y[unit]))
    few_beyond = shown.any() and (largest[shown] <= 2).mean() >= 0.9
    if few_beyond and unit.mean() >= 0.5 and parts.mean() >= 0.5:
        raise RegardError(
            f"coordinates look like fractions of the image ({unit.mean():.0%} of the points lie between 0 and 1, the "
            f"largest x is {x.max():g}, y {y.max():g}): --units fraction (units='fraction') multiplies x by the width "
            "and y by the height; --units pixels takes them as they are"
        )
    if len(x) >= 10 and (largest <= 1.5).mean() >= 0.9 and (x < 0).any() and (y < 0).any():
        raise RegardError(
            f"coordinates look like fractions of the image from its centre (x {x.min():g} to {x.max():g}, y "
            f"{y.min():g} to {y.max():g}): convert them to pixels from the upper left corner, x to the right, y down"
        )


def milliseconds(duration: _Floats, unit: TimeUnit) -> _Floats:
    """Durations of fixations (N,) in ms.

    With ``auto`` they must look like that: a fixation lasts between some 50 ms and a few seconds, so a median below 5
    means seconds, one above 20,000 microseconds.

    Raises:
        RegardError: they do not.
    """
    if unit != "auto":
        return duration * _IN_MS[unit]
    finite = duration[np.isfinite(duration)]
    median = float(np.median(finite)) if len(finite) else 250.0
    likely = "s" if 0 < median < 5 else "us" if 20_000 < median < 2e7 else "ns" if median >= 2e7 else "ms"
    if likely != "ms":
        how = {"s": "multiply them by 1000", "us": "divide them by 1000", "ns": "divide them by a million"}[likely]
        raise RegardError(
            f"durations look like {_NAMES[likely]} (median {median:g}), milliseconds are expected: --duration-unit "
            f"{likely} (duration_unit={likely!r}) to {how}; --duration-unit ms takes them as they are"
        )
    return duration


def sample_times(t: _Floats, unit: TimeUnit) -> _Floats:
    """Times of raw samples (N,) in ms.

    With ``auto`` they must look like that: trackers take 4 to 4,000 samples a second.

    Raises:
        RegardError: they do not.
    """
    if unit != "auto":
        return t * _IN_MS[unit]
    interval = float(np.median(np.diff(t)))
    likely = "s" if interval < 0.25 else "ms" if interval <= 250 else "us" if interval <= 250_000 else "ns"
    if likely != "ms":
        raise RegardError(
            f"times of samples look like {_NAMES[likely]} (median interval {interval:g}), milliseconds are expected: "
            f"give time_unit={likely!r}, or time_unit='ms' if they are"
        )
    return t
