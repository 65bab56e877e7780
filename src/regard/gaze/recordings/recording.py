"""What a tracker's file says, in one form for all of them, and how it becomes fixations on images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from regard.gaze.entry import Outside
from regard.gaze.events import fixations_from_samples
from regard.gaze.fixations import Fixations, make_fixations
from regard.listing import Names
from regard.types import RegardError

_Floats = npt.NDArray[np.float64]


class Box(NamedTuple):
    """Where an image was on the screen, in pixels of the screen."""

    left: float
    top: float
    width: float
    height: float


Placement = Literal["fill", "center"] | Box
"""Where images were on the screen: it was stretched to the whole screen, or shown unscaled in its middle; or a box."""


@dataclass(frozen=True)
class Recording:
    """Samples of gaze, or fixations that the tracker's program has found, on images.

    Attributes:
        source: name of the file, for errors.
        image: (N,) name of the image on the screen.
        subject: (N,) observer.
        time: (N,) ms: of a sample, or of a fixation's onset.
        x: (N,) from the left, NaN where gaze was lost.
        y: (N,) from the top.
        duration: (N,) ms of fixations; None for samples.
        space: what x and y are: pixels of the screen, or shares of the image's width and height.
        screen: height and width in pixels, where the file has it.
        boxes: image -> where it was on the screen, where the file has it.
    """

    source: str
    image: npt.NDArray[np.object_]
    subject: npt.NDArray[np.object_]
    time: _Floats
    x: _Floats
    y: _Floats
    duration: _Floats | None = None
    space: Literal["screen", "image"] = "screen"
    screen: tuple[int, int] | None = None
    boxes: Mapping[str, Box] = field(default_factory=dict)

    def rows(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Recording:
        """The rows of an index or a mask."""
        names = ("image", "subject", "time", "x", "y")
        duration = None if self.duration is None else self.duration[keep]
        return replace(self, duration=duration, **{name: getattr(self, name)[keep] for name in names})


def to_fixations(
    recording: Recording,
    sizes: Mapping[str, tuple[int, int] | None],
    *,
    placement: Placement | None,
    screen: tuple[int, int] | None,
    pixels_per_degree: float | None,
    points_outside: Outside,
) -> Fixations:
    """Fixations on the images of ``sizes``: those of the recording, or detected in its samples.

    What was on the screen besides these images is left out. See `read_recordings`.
    """
    here = _on_images(recording, sizes)
    columns: dict[str, Any] = {name: [] for name in ("image", "subject", "order", "x", "y", "duration")}
    dropped = 0
    for rows in _viewings(here):
        part = here.rows(rows)
        name, who = str(part.image[0]), str(part.subject[0])
        size = sizes[name]
        if size is None:
            dropped += len(rows)
            continue
        x, y, scale = _image_pixels(part, name, size, placement, screen or part.screen)
        if part.duration is None:
            if pixels_per_degree is None:
                raise RegardError(
                    f"{part.source} holds samples: to detect fixations in them, say how many pixels a degree of visual "
                    "angle spans, as in --pixels-per-degree 35 (pixels_per_degree=35)"
                )
            if len(rows) < 2:
                continue
            found = fixations_from_samples(
                part.time,
                x,
                y,
                image=name,
                size=size,
                subject=who,
                pixels_per_degree=pixels_per_degree * scale,
                time_unit="ms",
                units="pixels",
                points_outside="drop" if points_outside == "drop" else "raise",
            )
            dropped += found.dropped
            x, y, duration = found.x, found.y, found.duration
        else:
            duration = part.duration
        columns["image"] += [name] * len(x)
        columns["subject"] += [who] * len(x)
        columns["order"] += range(len(x))
        for column, values in (("x", x), ("y", y), ("duration", duration)):
            columns[column] += values.tolist()
    shown = {name: sizes[name] for name in sizes if name in set(map(str, here.image))}
    table = make_fixations(**columns, sizes=shown, units="pixels", duration_unit="ms", points_outside=points_outside)
    return replace(table, dropped=table.dropped + dropped)


def _on_images(recording: Recording, sizes: Mapping[str, object]) -> Recording:
    """The rows on images that are listed, with the names of the list."""
    found = dict(Names(sizes).find_all(dict.fromkeys(map(str, recording.image))))
    kept = np.array([str(name) in found for name in recording.image], dtype=bool)
    if not kept.any():
        shown = sorted({str(name) for name in recording.image} - {""})[:5]
        raise RegardError(
            f"{recording.source}: none of what was shown ({', '.join(shown) or 'nothing is named'}) is one of the "
            f"{len(sizes)} images, such as {next(iter(sizes), 'none')!r}: name the images as the recording does"
        )
    here = recording.rows(kept)
    boxes = {found[name]: box for name, box in recording.boxes.items() if name in found}
    image = np.array([found[str(name)] for name in here.image], dtype=object)
    return replace(here, image=image, boxes=boxes)


def _viewings(recording: Recording) -> list[npt.NDArray[np.int64]]:
    """Rows of each image and observer, in the order of time."""
    groups: dict[tuple[str, str], list[int]] = {}
    for k, key in enumerate(zip(recording.image, recording.subject, strict=True)):
        groups.setdefault(key, []).append(k)
    rows = [np.array(group, dtype=np.int64) for group in groups.values()]
    return [group[np.argsort(recording.time[group], kind="stable")] for group in rows]


def _image_pixels(
    part: Recording, name: str, size: tuple[int, int], placement: Placement | None, screen: tuple[int, int] | None
) -> tuple[_Floats, _Floats, float]:
    """X and y in the image's pixels, and image pixels per pixel in which degrees are counted."""
    height, width = size
    if part.space == "image":
        return part.x * width, part.y * height, 1.0
    box = placement if isinstance(placement, Box) else part.boxes.get(name) if placement is None else None
    if box is None:
        if screen is None:
            if placement is None:
                return part.x, part.y, 1.0
            raise RegardError(
                f"{part.source} does not say how large the screen was, which placement {placement!r} needs: "
                "--gaze-size WIDTHxHEIGHT (screen=(height, width))"
            )
        rows, columns = screen
        middle = Box((columns - width) / 2, (rows - height) / 2, width, height)
        box = middle if placement == "center" else Box(0, 0, columns, rows)
    return (part.x - box.left) * width / box.width, (part.y - box.top) * height / box.height, width / box.width
