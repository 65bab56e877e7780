"""Gaze of Mathe and Sminchisescu (2012, 2015) on Hollywood-2 and UCF Sports: raw samples on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regard.gaze.files import numbers
from regard.types import RegardError

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GazeSamples:
    """Raw gaze of one observer on one clip.

    Attributes:
        clip: name of the clip.
        subject: name of the observer.
        t: (N,) seconds since the clip's start.
        x: (N,) pixels of the video.
        y: (N,) pixels of the video.
        size: (height, width) of the video.
    """

    clip: str
    subject: str
    t: _Floats
    x: _Floats
    y: _Floats
    size: tuple[int, int]


def read_mathe(path: str | Path, *, screen: tuple[int, int], video: tuple[int, int]) -> GazeSamples:
    """Samples of ``samples/{subject:03d}_{clip}.avi.txt`` in pixels of the video, blinks left out.

    Six columns: time in microseconds, two unused, x and y on the screen, the event (B is a blink). The video filled
    the screen's width: a = video width / screen width; x = a xs; y = a (ys - (screen height - video height / a) / 2).
    ``regard.gaze.fixations_from_samples`` makes fixations of them; frame k of a clip shows at k / frames a second.

    Args:
        path: the file.
        screen: (height, width) in pixels, from geometry.txt.
        video: (height, width) of the clip, from resolution.txt.

    Raises:
        RegardError: a file name or a line of another form.
    """
    path = Path(path)
    subject, _, clip = path.name.partition("_")
    if not subject.isdigit() or not clip.endswith(".avi.txt"):
        raise RegardError(f"{path.name} is not of the form 001_clip.avi.txt (subject, clip)")
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    short = next((k for k, row in enumerate(rows, start=1) if len(row) != 6), None)
    if short:
        raise RegardError(f"{path}, line {short}: {len(rows[short - 1])} columns, not 6")
    rows = [row for row in rows if row[5] != "B"]
    t, xs, ys = (numbers([row[k] for row in rows], f"{path}, column {k + 1}") for k in (0, 3, 4))
    a = video[1] / screen[1]
    return GazeSamples(
        clip=clip.removesuffix(".avi.txt"),
        subject=subject,
        t=t / 1e6,
        x=a * xs,
        y=a * (ys - (screen[0] - video[0] / a) / 2),
        size=video,
    )
