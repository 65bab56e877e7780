"""Fixations on the image of a clip, from the two forms in which gaze on these sets is published: samples and maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from regard.data.video.clip_splits import clips_of, item_key
from regard.data.video.clips import Clip
from regard.data.video.decode import frame_files, frame_rate, frame_size
from regard.gaze import Fixations, fixated_pixels, image_size, make_fixations, read_mathe
from regard.types import RegardError

SCREEN = (1024, 1280)
"""Height and width of the screen, pixels."""
_WINDOW = 0.1
"""Half of the interval around a frame, in seconds, whose samples' median is an observer's gaze."""

Samples = Mapping[str, Mapping[str, Path]]
"""Name of a clip -> observer -> file of samples."""


def find_samples(folder: Path) -> Samples:
    """The files ``{observer}_{clip}.avi.txt`` of a folder; none where there is no such folder."""
    samples: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*.avi.txt")):
        observer, _, clip = path.name.removesuffix(".avi.txt").partition("_")
        samples.setdefault(clip, {})[observer] = path
    return samples


def two_panels(samples: Samples) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Observers to learn from and observers to compare with; no person is in both.

    Raises:
        RegardError: a single observer.
    """
    people = sorted({observer for files in samples.values() for observer in files})
    if len(people) < 2:
        raise RegardError(
            f"gaze of {len(people)} observer ({', '.join(people)}): observers to learn from and to compare with must "
            "differ, so two are needed; add the others' files, or take the samples away"
        )
    return tuple(people[0::2]), tuple(people[1::2])


def gaze_of_panels(
    videos: Mapping[str, Sequence[Path]],
    folder: Path,
    *,
    clip_name: Callable[[Path], str],
    stretches: int,
    length: int,
) -> dict[str, Fixations]:
    """Gaze of each split's clips: in ``test`` of one half of the observers, in all others of the other half.

    Args:
        videos: of each split.
        folder: of the samples; where there are none, there is no gaze.
        clip_name: a video's name in the samples.
        stretches: clips that a training video gives.
        length: steps of flow.
    """
    samples = find_samples(folder)
    if not samples:
        return {}
    learned, compared = two_panels(samples)
    return {
        split: gaze_of_samples(
            clips,
            [clip_name(clip.path) for clip in clips],
            samples,
            observers=compared if split == "test" else learned,
            length=length,
        )
        for split, clips in clips_of(videos, stretches).items()
    }


def gaze_of_samples(
    clips: Sequence[Clip],
    names: Sequence[str],
    samples: Samples,
    *,
    observers: Sequence[str],
    length: int,
    screen: tuple[int, int] = SCREEN,
) -> Fixations:
    """One position per observer and clip: the median of the samples around the clip's image, in the video's pixels.

    Args:
        clips: videos in files; a folder of frames has no known frame rate, so it gets no gaze.
        names: each clip's name in the samples.
        samples: files by clip and observer.
        observers: whose gaze is taken.
        length: steps of flow, which decide which frame is the clip's image.
        screen: height and width of the screen, pixels, as geometry.txt states.
    """
    image, subject, x, y = [], [], [], []
    sizes = {}
    for clip, name in zip(clips, names, strict=True):
        key, size = item_key(clip), frame_size(clip.path)
        sizes[key] = size
        files = {} if clip.path.is_dir() else samples.get(name, {})
        own = {who: files[who] for who in observers if who in files}
        if not own:
            continue
        time = (clip.span(length)[1] + 0.5) / frame_rate(clip.path)
        for observer, path in own.items():
            gaze = read_mathe(path, screen=screen, video=size)
            near = np.abs(gaze.t - time) <= _WINDOW
            if near.any():
                image.append(key)
                subject.append(observer)
                x.append(float(np.median(gaze.x[near])))
                y.append(float(np.median(gaze.y[near])))
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=sizes, points_outside="drop")


def gaze_of_maps(clips: Sequence[Clip], *, length: int) -> Fixations:
    """Fixated pixels of the clips' images: ``fixation/*.png`` beside the folders ``images`` that the clips are.

    Observers are lost in this form, so there is one, "all", and no ceiling between observers.

    Raises:
        RegardError: another number of maps than of frames, or maps of another size.
    """
    image: list[str] = []
    x: list[int] = []
    y: list[int] = []
    sizes = {}
    for clip in clips:
        maps, frames = frame_files(clip.path.parent / "fixation"), frame_files(clip.path)
        middle = clip.span(length)[1]
        if len(maps) != len(frames):
            raise RegardError(
                f"{clip.path.parent}: {len(frames)} frames, but {len(maps)} maps of fixations; fetch it again"
            )
        size = image_size(frames[middle])
        if image_size(maps[middle]) != size:
            raise RegardError(f"{maps[middle]}: not of the size of {frames[middle].name}, {size}; fetch the clip again")
        _, columns, rows = fixated_pixels(maps[middle])
        key = item_key(clip)
        sizes[key] = size
        image += [key] * len(rows)
        x += columns.tolist()
        y += rows.tolist()
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=sizes)
