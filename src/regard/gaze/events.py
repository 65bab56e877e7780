"""Raw gaze samples to fixations, by pymovements' detectors (``pip install regard[gaze]``), not our own."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from regard.gaze.entry import Outside, TimeUnit, Units, in_pixels, sample_times
from regard.gaze.fixations import Fixations, make_fixations
from regard.types import RegardError

_LOST_INTERVALS = 2.5
"""Intervals between samples that are a gap, where that is longer than ``gap_ms``: one sample may be missing."""
_Floats = npt.NDArray[np.float64]


def fixations_from_samples(
    t: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    image: str,
    size: tuple[int, int],
    pixels_per_degree: float,
    subject: str = "0",
    method: Literal["idt", "ivt"] = "idt",
    threshold: float | None = None,
    minimum_ms: int = 100,
    gap_ms: float = 75.0,
    time_unit: TimeUnit = "auto",
    units: Units = "auto",
    points_outside: Outside = "raise",
) -> Fixations:
    """Fixations of one viewing: mean position and duration of each.

    The detectors count samples at a constant rate. Between two gaps, samples are therefore interpolated (linearly) to
    their mean interval, which leaves samples of a constant rate as they are. A gap, during which gaze was lost, ends a
    fixation; a shorter loss does not, if gaze is at the same place before and after it. The time that this takes grows
    with the number of samples, not with the length of pauses.

    Args:
        t: (N,) milliseconds, or as ``time_unit`` says, increasing; the rate may vary, missing samples may be left out.
        x: (N,) pixels, or as ``units`` says; NaN where gaze was lost.
        y: (N,) likewise.
        image: name of the image.
        size: (height, width) of it.
        pixels_per_degree: pixels per degree; thresholds are in degrees.
        subject: name of the observer.
        method: ``idt`` by dispersion, ``ivt`` by velocity (Salvucci & Goldberg 2000).
        threshold: degrees of dispersion (default 1) or degrees per second (default 20).
        minimum_ms: shortest fixation.
        gap_ms: the longest loss of gaze within a fixation; blinks last longer (75 ms: Olsen 2012, The Tobii I-VT
            Fixation Filter). Where samples are rarer, 2.5 of their intervals.
        time_unit: of ``t``: ms, s, us or ns; ``auto`` takes milliseconds and refuses what looks otherwise.
        units: of x and y, see `make_fixations`.
        points_outside: likewise.

    Raises:
        RegardError: samples of unequal length, times that do not increase or are in another unit, or a rate too low for
            fixations of ``minimum_ms``.
    """
    time, xy = np.asarray(t, dtype=np.float64), np.stack([np.asarray(x, float), np.asarray(y, float)], 1)
    if time.shape != (len(xy),) or len(xy) < 2:
        raise RegardError(f"samples need t, x, y of one length of at least 2, not {time.shape} and {xy.shape}")
    if not (np.diff(time) > 0).all():
        k = int(np.argmin(np.diff(time) > 0))
        raise RegardError(f"times of samples must increase: row {k} has {time[k]:g} ms, the next {time[k + 1]:g}")
    time = sample_times(time, time_unit)
    interval = float(np.median(np.diff(time)))
    if not minimum_ms >= 1.5 * interval:
        raise RegardError(
            f"minimum_ms={minimum_ms}: at a rate of {1000 / interval:.3g} samples a second (median interval "
            f"{interval:g} ms) a fixation of this length has fewer than 2 samples; give at least {2 * interval:.0f}"
        )
    only = np.zeros(len(xy), dtype=np.int64)
    xy = np.stack(in_pixels(only, xy[:, 0], xy[:, 1], np.array([size]), units=units, first_pixel=0), 1)
    seen = np.isfinite(xy).all(1)
    time, xy = time[seen], xy[seen]
    lost = np.flatnonzero(np.diff(time) > max(gap_ms, _LOST_INTERVALS * interval)) + 1
    found = [
        event
        for part in np.split(np.arange(len(time)), lost)
        for event in _fixations(time[part], xy[part], interval, pixels_per_degree, method, threshold, minimum_ms)
    ]
    x_mean, y_mean, duration = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return make_fixations(
        image=[image] * len(found),
        subject=[subject] * len(found),
        order=np.arange(len(found)),
        x=x_mean,
        y=y_mean,
        duration=duration,
        sizes={image: size},
        pixels_per_degree=pixels_per_degree,
        units="pixels",
        duration_unit="ms",
        points_outside=points_outside,
    )


def _fixations(
    time: _Floats,
    xy: _Floats,
    interval: float,
    pixels_per_degree: float,
    method: Literal["idt", "ivt"],
    threshold: float | None,
    minimum_ms: float,
) -> list[tuple[float, float, float]]:
    """x, y, duration of the fixations in samples (n,) without a gap; ``interval`` is the usual one, ms."""
    from pymovements.events import idt, ivt

    span = float(time[-1] - time[0]) if len(time) else 0.0
    count = round(span / interval)
    if count < 1:
        return []
    step = span / count
    regular = np.stack([np.interp(time[0] + step * np.arange(count + 1), time, c) for c in xy.T], 1) / pixels_per_degree
    steps, shortest = np.arange(count + 1), max(2, round(minimum_ms / step))
    if method == "idt":
        events = idt(regular, steps, minimum_duration=shortest, dispersion_threshold=threshold or 1.0)
    else:
        speed = np.gradient(regular, step / 1000, axis=0)
        events = ivt(speed, steps, minimum_duration=shortest, velocity_threshold=threshold or 20.0)
    found = []
    for begin, end in zip(*(events.frame[name].to_numpy() for name in ("onset", "offset")), strict=True):
        from_, to = (time[0] + step * (k + half) for k, half in ((begin, -0.5), (end, 0.5)))
        inside = xy[(time > from_) & (time < to)]  # the samples themselves, not what was interpolated
        x, y = inside.mean(0) if len(inside) else regular[begin : end + 1].mean(0) * pixels_per_degree
        found.append((float(x), float(y), float((end - begin) * step)))
    return found
