"""Raw gaze samples to fixations, by pymovements' detectors (``pip install regard[gaze]``), not our own."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from regard.gaze.fixations import Fixations, Outside, make_fixations
from regard.types import RegardError


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
    points_outside: Outside = "raise",
) -> Fixations:
    """Fixations of one viewing: mean position and duration of each.

    Args:
        t: (N,) milliseconds, increasing, sampled at a constant rate; missing samples may be left out.
        x: (N,) pixels; NaN where gaze was lost.
        y: (N,) pixels.
        image: name of the image.
        size: (height, width) of it.
        pixels_per_degree: pixels per degree; thresholds are in degrees.
        subject: name of the observer.
        method: ``idt`` by dispersion, ``ivt`` by velocity (Salvucci & Goldberg 2000).
        threshold: degrees of dispersion (default 1) or degrees per second (default 20).
        minimum_ms: shortest fixation.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: samples of unequal length, or times that do not increase.
    """
    from pymovements.events import idt, ivt

    time, xy = np.asarray(t, dtype=np.float64), np.stack([np.asarray(x, float), np.asarray(y, float)], 1)
    if time.shape != (len(xy),) or len(xy) < 2:
        raise RegardError(f"samples need t, x, y of one length of at least 2, not {time.shape} and {xy.shape}")
    if not (np.diff(time) > 0).all():
        k = int(np.argmin(np.diff(time) > 0))
        raise RegardError(f"times of samples must increase: row {k} has {time[k]:g} ms, the next {time[k + 1]:g}")
    # The detectors count samples at a constant rate: missing ones (blinks) become NaN, which ends a fixation.
    interval = float(np.median(np.diff(time)))
    place = np.round((time - time[0]) / interval).astype(np.int64)
    regular = np.full((place[-1] + 1, 2), np.nan)
    regular[place] = xy / pixels_per_degree
    steps, shortest = np.arange(len(regular)), max(1, round(minimum_ms / interval))
    if method == "idt":
        events = idt(regular, steps, minimum_duration=shortest, dispersion_threshold=threshold or 1.0)
    else:
        speed = np.gradient(regular, interval / 1000, axis=0)
        events = ivt(speed, steps, minimum_duration=shortest, velocity_threshold=threshold or 20.0)
    begin, end = (events.frame[name].to_numpy() for name in ("onset", "offset"))
    steady = [regular[a : b + 1] * pixels_per_degree for a, b in zip(begin, end, strict=True)]
    centre = np.array([np.nanmean(part, axis=0) for part in steady]).reshape(-1, 2)
    return make_fixations(
        image=[image] * len(begin),
        subject=[subject] * len(begin),
        order=np.arange(len(begin)),
        x=centre[:, 0],
        y=centre[:, 1],
        duration=(end - begin) * interval,
        sizes={image: size},
        pixels_per_degree=pixels_per_degree,
        points_outside=points_outside,
    )
