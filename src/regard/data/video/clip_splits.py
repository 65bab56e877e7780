"""What the readers of clips share: splits of whole videos, and fixations on a clip's image.

Gaze on these sets is published in two forms: samples of each observer, and maps of fixated pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from regard.data.files import as_size
from regard.data.gaze import stretch_gaze
from regard.data.random_counter import permutation
from regard.data.splits import DataSplits, Split
from regard.data.video.clips import Clip, ClipSplit
from regard.data.video.decode import frame_files, frame_rate, frame_size
from regard.gaze import Fixations, fixated_pixels, image_size, make_fixations, read_mathe
from regard.types import RegardError

_Item = TypeVar("_Item")
_STREAM = 210
_SCREEN = (1024, 1280)
"""Height and width of the screen in pixels, as geometry.txt states."""
_WINDOW = 0.1
"""Half of the interval around a frame, in seconds, whose samples' median is an observer's gaze."""

_TIMES = (0.2, 0.35, 0.65, 0.8, 0.05, 0.95)
"""Positions of further stretches of a training video, after its middle."""


def hold_out_groups(
    items: Sequence[_Item], group_of: Callable[[_Item], str], share: float, *, seed: int
) -> tuple[list[_Item], list[_Item]]:
    """Items that stay, and items held out in whole groups: videos of one scene, film or person stay together.

    Groups are taken at random until at least ``share`` of the items is reached; at least one, and not all.
    """
    groups = [group_of(item) for item in items]
    names = sorted(set(groups))
    if len(names) < 2 or not 0 < share < 1:
        raise RegardError(
            f"{len(names)} groups of videos and a share of {share}: nothing to hold out; give a share between 0 and 1 "
            "and videos of at least two groups"
        )
    taken: set[str] = set()
    for k in permutation(len(names), seed=seed, stream=_STREAM).tolist()[:-1]:
        taken.add(names[k])
        if sum(group in taken for group in groups) >= share * len(groups):
            break
    pairs = list(zip(items, groups, strict=True))
    return [item for item, group in pairs if group not in taken], [item for item, group in pairs if group in taken]


def moments(paths: Sequence[Path], count: int) -> list[Clip]:
    """Every video's middle and, for ``count`` above one, further stretches of it, video by video."""
    if not 1 <= count <= 1 + len(_TIMES):
        raise RegardError(f"stretches={count}: a training video gives 1 to {1 + len(_TIMES)} clips")
    return [Clip(path, at) for path in paths for at in (0.5, *_TIMES[: count - 1])]


def clips_of(videos: Mapping[str, Sequence[Path]], stretches: int) -> dict[str, list[Clip]]:
    """Every split's clips: ``stretches`` of each training video, and of any other the one in its middle."""
    return {name: moments(paths, stretches if name == "train" else 1) for name, paths in videos.items()}


def clip_splits(
    videos: Mapping[str, Sequence[Path]],
    label_of: Mapping[Path, int | Tensor],
    *,
    classes: tuple[str, ...],
    size: int | tuple[int, int],
    length: int,
    stretches: int,
    in_memory: bool,
    source: str,
    gaze: Mapping[str, Fixations] | None = None,
    **facts: Any,
) -> DataSplits:
    """Splits of whole videos (files, or folders of frames), stretched to ``size``.

    A training video gives ``stretches`` clips, any other the one in its middle, each with ``length`` steps of flow.
    ``label_of`` holds the class of each video, or its targets (n,) of 0 and 1.
    ``gaze`` of each split is on images called by `item_key`, in pixels of the video.

    Raises:
        RegardError: a video in two splits, or a split without one.
    """
    _apart(videos)
    shape = as_size(size)
    tables: dict[str, Fixations] = {}
    parts: dict[str, Split] = {}
    for name, clips in clips_of(videos, stretches).items():
        labels = torch.stack([torch.as_tensor(label_of[clip.path]) for clip in clips])
        if gaze and name in gaze:
            tables[name] = stretch_gaze(gaze[name], [item_key(clip) for clip in clips], shape)
        fixations = tables[name].points().float() if name in tables else None
        split = ClipSplit(name, classes, tuple(clips), labels, shape, length, fixations)
        parts[name] = split.load() if in_memory else split
    return DataSplits.of_parts(
        parts,
        statistics_images=500,
        source=source + "".join(_problems(name, table) for name, table in tables.items()),
        gaze=tables.get("test"),
        **facts,
    )


def item_key(clip: Clip) -> str:
    """The name of a clip's image in tables of gaze."""
    return f"{clip.path}@{clip.at:g}"


def gaze_of_panels(
    videos: Mapping[str, Sequence[Path]],
    folder: Path,
    *,
    clip_name: Callable[[Path], str],
    stretches: int,
    length: int,
) -> dict[str, Fixations]:
    """Gaze of each split's clips: in ``test`` of one half of the observers, in all others of the other half.

    Files of samples are called ``{observer}_{clip}.avi.txt``, where ``clip_name`` gives a video's name; without any of
    them there is no gaze.

    Raises:
        RegardError: a single observer.
    """
    samples: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*.avi.txt")):
        observer, _, clip = path.name.removesuffix(".avi.txt").partition("_")
        samples.setdefault(clip, {})[observer] = path
    if not samples:
        return {}
    people = sorted({observer for files in samples.values() for observer in files})
    if len(people) == 1:
        raise RegardError(
            f"gaze of {len(people)} observer ({', '.join(people)}): observers to learn from and to compare with must "
            "differ, so two are needed; add the others' files, or take the samples away"
        )
    return {
        split: _gaze_of_samples(
            [(clip, samples.get(clip_name(clip.path), {})) for clip in clips], people[split == "test" :: 2], length
        )
        for split, clips in clips_of(videos, stretches).items()
    }


def _gaze_of_samples(
    clips: Sequence[tuple[Clip, Mapping[str, Path]]], observers: Sequence[str], length: int
) -> Fixations:
    """One position per observer and clip: the median of the samples around the clip's image, in the video's pixels.

    Each clip comes with its files of samples by observer. A folder of frames has no known frame rate, so it gets none.
    """
    image, subject, x, y, sizes = [], [], [], [], {}
    for clip, samples in clips:
        key, size = item_key(clip), frame_size(clip.path)
        sizes[key] = size
        own = {who: samples[who] for who in observers if who in samples}
        if clip.path.is_dir() or not own:
            continue
        time = (clip.span(length)[1] + 0.5) / frame_rate(clip.path)
        for observer, path in own.items():
            gaze = read_mathe(path, screen=_SCREEN, video=size)
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
    image, x, y, sizes = [], [], [], {}
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
        sizes[item_key(clip)] = size
        image += [item_key(clip)] * len(rows)
        x += columns.tolist()
        y += rows.tolist()
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=sizes)


def _apart(videos: Mapping[str, Sequence[Path]]) -> None:
    owner: dict[Path, str] = {}
    for name, paths in videos.items():
        if not paths:
            raise RegardError(f"no video for {name!r}; add some, or change the shares")
        for path in paths:
            if owner.setdefault(path.resolve(), name) != name:
                raise RegardError(
                    f"{path} is in {owner[path.resolve()]!r} and in {name!r}; a video belongs to one split"
                )


def _problems(name: str, table: Fixations) -> str:
    """How many fixations were left out and how many clips have none, as text; empty for none."""
    without = int((table.counts() == 0).sum())
    parts = [f"{table.dropped} outside of the video left out"] if table.dropped else []
    parts += [f"{without} of {len(table.images)} clips without any"] if without else []
    return f"; gaze of {name}: {', '.join(parts)}" if parts else ""
