"""EyeLink recordings that edf2asc has converted to text, read by pymovements (``pip install regard[gaze]``)."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.recordings.recording import Box, Recording
from regard.types import RegardError

IMAGE_MESSAGES = (
    r"!V IMGLOAD (?:FILL|TOP_LEFT|CENTER) (?P<image>\S+)",
    r"!V TRIAL_VAR (?:image|picture|stimulus|img|filename)\s+(?P<image>\S+)",
    r"(?:TRIALID|IMAGE|PICTURE|STIMULUS|DISPLAY)\b.*?(?P<image>[^\s/\\]+\.(?:png|jpe?g|bmp|tiff?|gif))",
)
"""Messages that name the image on the screen, of SR Research's programs and of what is usual."""
_PLACE = re.compile(r"!V IMGLOAD (FILL|TOP_LEFT|CENTER) (\S+)(?: (\S+) (\S+)(?: (\S+) (\S+))?)?")


def eyelink(path: Path, *, messages: tuple[str, ...] = IMAGE_MESSAGES, samples: bool = False) -> Recording:
    """Fixations that the tracker has found (EFIX), each at the mean of its samples; or the samples.

    Images are named by messages; ``!V IMGLOAD`` also says where they were. Where both eyes were recorded, the left one
    counts. The screen is that of the file (GAZE_COORDS).

    Args:
        path: ASC file with samples and events; the observer is its name.
        messages: regular expressions with a group ``image``, by which messages name the image.
        samples: samples instead of fixations.

    Raises:
        RegardError: no ASC file, or no message that names an image.
    """
    from pymovements.gaze import from_asc

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gaze = from_asc(path, patterns=list(messages), events=True, messages=True)
    except Exception as error:  # pymovements has no error of its own: KeyError, ValueError, polars' errors, ...
        raise RegardError(f"{path} cannot be read as an ASC file of edf2asc: {type(error).__name__}: {error}") from None
    frame, events = gaze.samples, gaze.events.frame
    if frame is None or "image" not in frame.columns or frame["image"].is_null().all():
        raise RegardError(
            f"{path}: no message names an image, such as `!V IMGLOAD CENTER a.jpg 512 384` or `TRIALID 3 a.jpg`: give "
            "a regular expression of yours (messages=(r'SHOW (?P<image>\\S+)',))"
        )
    pixel = next(name for name in ("pixel", "pixel_left", "left_pixel") if name in frame.columns)
    place = np.array(
        [[np.nan if v is None else v for v in row[:2]] for row in frame[pixel].to_list()], dtype=np.float64
    )
    time = frame["time"].to_numpy().astype(np.float64)
    image = np.array([Path(str(name)).name if name is not None else "" for name in frame["image"]], dtype=object)
    screen = _screen(gaze)
    boxes = _boxes(gaze, screen)
    who = path.stem
    if samples:
        subject = np.full(len(time), who, dtype=object)
        return Recording(str(path), image, subject, time, place[:, 0], place[:, 1], None, "screen", screen, boxes)
    fixations = events.filter(events["name"] == "fixation_eyelink")
    if "eye" in fixations.columns and (fixations["eye"] == "left").any():
        fixations = fixations.filter(fixations["eye"] == "left")
    onset, offset = (fixations[name].to_numpy().astype(np.float64) for name in ("onset", "offset"))
    begin, end = np.searchsorted(time, onset), np.searchsorted(time, offset, side="right")
    seen = np.flatnonzero([np.isfinite(place[a:b]).all(1).any() for a, b in zip(begin, end, strict=True)])
    x, y = np.array([np.nanmean(place[begin[k] : end[k]], axis=0) for k in seen]).reshape(-1, 2).T
    return Recording(
        str(path),
        image[begin[seen]],
        np.full(len(seen), who, dtype=object),
        onset[seen],
        x,
        y,
        (offset - onset)[seen],
        "screen",
        screen,
        boxes,
    )


def _screen(gaze: Any) -> tuple[int, int] | None:
    screen = None if gaze.experiment is None else gaze.experiment.screen
    if screen is None or screen.height_px is None or screen.width_px is None:
        return None
    return int(screen.height_px), int(screen.width_px)


def _boxes(gaze: Any, screen: tuple[int, int] | None) -> dict[str, Box]:
    """Image -> its box, where the message says its size; without one the image has its own, around its place."""
    boxes: dict[str, Box] = {}
    for text in [] if gaze.messages is None else gaze.messages["content"]:
        found = _PLACE.match(text)
        if found is None:
            continue
        how, name, *numbers = found.groups()
        name = Path(name).name
        if how == "FILL" and screen is not None:
            boxes[name] = Box(0, 0, screen[1], screen[0])
        elif how != "FILL" and numbers[3] is not None:
            x, y, width, height = (float(number) for number in numbers)
            corner = (x, y) if how == "TOP_LEFT" else (x - width / 2, y - height / 2)
            boxes[name] = Box(*corner, width, height)
    return boxes
