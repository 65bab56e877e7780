"""Splits whose items are clips: an image from the middle of a stretch of video and the flow around it, made once and
cached; and what the readers of such sets share: splits of whole videos, and fixations on a clip's image.

Gaze on these sets is published in two forms: samples of each observer, and maps of fixated pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int8, Num, UInt8
from torch import Tensor

from regard.data.cache import cached
from regard.data.files import as_size
from regard.data.gaze import check_observers, stretch_gaze
from regard.data.membership import DataRecord, keep_items
from regard.data.random_counter import permutation
from regard.data.splits import DataSplits, ItemDataset, Member, Split, TensorSplit, check_labels, label_names
from regard.data.video.decode import (
    FLOW_VERSION,
    frame_count,
    frame_files,
    frame_rate,
    frame_size,
    optical_flow,
    read_frames,
)
from regard.gaze import Fixations, fixated_pixels, image_size, make_fixations, read_mathe
from regard.listing import list_files
from regard.types import Batch, RegardError

_Item = TypeVar("_Item")
_STREAM = 210
_SCREEN = (1024, 1280)
"""Height and width of the screen in pixels, as geometry.txt states."""
_WINDOW = 0.1
"""Half of the interval around a frame, in seconds, whose samples' median is an observer's gaze."""

_TIMES = (0.2, 0.35, 0.65, 0.8, 0.05, 0.95)
"""Positions of further stretches of a training video, after its middle."""


@dataclass(frozen=True)
class Clip:
    """A stretch of a video, of which one image and the flow around it are an item.

    Attributes:
        path: a video file, or a folder of numbered images.
        at: position of the stretch: 0 at the video's beginning, 1 at its end, .5 in its middle.
    """

    path: Path
    at: float = 0.5

    def span(self, length: int) -> tuple[int, int]:
        """Number of the first frame of the stretch, and of its image; ``length`` steps of flow need one frame more.

        Raises:
            RegardError: the video is too short.
        """
        frames = frame_count(self.path)
        if frames < length + 1:
            raise RegardError(
                f"{self.path}: {frames} frames, but {length} steps of flow need {length + 1}; lower length, or leave "
                "the clip out"
            )
        first = round(self.at * (frames - 1 - length))
        return first, first + length // 2

    def read(self, length: int, size: tuple[int, int]) -> tuple[UInt8[Tensor, "3 H W"], Int8[Tensor, "F H W"]]:
        """The image and its flow, from the user's cache if they were made before."""
        key = ["clip", FLOW_VERSION, _state(self.path), self.at, length, list(size)]
        tensors = cached(f"clip-{self.path.stem}", json.dumps(key), lambda: self._make(length, size))
        return tensors["image"], tensors["flow"]

    def _make(self, length: int, size: tuple[int, int]) -> dict[str, Tensor]:
        first, middle = self.span(length)
        frames = read_frames(self.path, first, length + 1, size)
        image = torch.from_numpy(frames[middle - first]).permute(2, 0, 1)
        return {"image": image, "flow": optical_flow(frames)}


@dataclass(frozen=True)
class ClipSplit(ItemDataset):
    """Clips in files.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        clips: where they are.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        size: height and width of the output; whole frames are stretched to it.
        length: L, steps of flow.
        fixations: fixations (N,p,2), x, y in pixels of the output, NaN beyond an item's last, or None.
    """

    name: str
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    labels: Num[Tensor, "N *n"]
    size: tuple[int, int]
    length: int
    fixations: Float[Tensor, "M p 2"] | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.classes, where=f"split {self.name!r}")
        gaze = len(self.clips) if self.fixations is None else len(self.fixations)
        if len(self.labels) != len(self.clips) or gaze != len(self.clips):
            raise RegardError(
                f"split {self.name!r}: {len(self.clips)} clips, {len(self.labels)} labels, {gaze} lists of "
                "fixations; give one of each for each clip"
            )
        if self.length < 1 or min(self.size) < 1:
            raise RegardError(
                f"split {self.name!r}: length {self.length}, size {self.size}; use at least 1 step of flow and 1 pixel"
            )

    @property
    def boxes(self) -> None:
        """None: clips have no boxes of objects."""
        return None

    def __len__(self) -> int:
        return len(self.clips)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The clips at these positions; one that cannot be read raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        images, flow = self._read(where)
        return Batch(
            images=images.to(torch.float32).div_(255),
            labels=self.labels[where],
            index=where,
            fixations=None if self.fixations is None else self.fixations[where],
            flow=flow.to(torch.float32).div_(127),
            split=self.name,
        )

    def item_name(self, i: int) -> str:
        """The clip's path."""
        return str(self.clips[i].path)

    def load(self) -> TensorSplit:
        """The same split read into memory, at one byte per value."""
        images, flow = self._read(torch.arange(len(self)))
        names = tuple(self.item_name(i) for i in range(len(self)))
        return TensorSplit(
            self.name, self.classes, images, self.labels, fixations=self.fixations, names=names, flow=flow
        )

    def _read(self, where: Tensor) -> tuple[Tensor, Tensor]:
        images = torch.empty(len(where), 3, *self.size, dtype=torch.uint8)
        flow = torch.empty(len(where), 2 * self.length, *self.size, dtype=torch.int8)
        for k, i in enumerate(where.tolist()):
            images[k], flow[k] = self.clips[i].read(self.length, self.size)
        return images, flow


def _state(path: Path) -> list[list[str | int]]:
    """What identifies a clip's content: path, length and time of change of its file or of all of its frames."""
    files = frame_files(path) if path.is_dir() else [path]
    try:
        states = [(file, file.stat()) for file in files]
    except FileNotFoundError:
        raise RegardError(f"{path}: no such clip; correct the path, or leave it out") from None
    return [[str(file.resolve()), state.st_size, state.st_mtime_ns] for file, state in states]


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
    where: Path = Path(),
    **facts: Any,
) -> DataSplits:
    """Splits of whole videos (files, or folders of frames), stretched to ``size``.

    A training video gives ``stretches`` clips, any other the one in its middle, each with ``length`` steps of flow.
    ``label_of`` holds the class of each video, or its targets (n,) of 0 and 1.
    ``gaze`` of each split is on images called by `item_key`, in pixels of the video; ``where`` is the set's folder.

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
        members={name: members_of(paths, label_of, classes) for name, paths in videos.items()},
        where=where,
        **facts,
    )


def members_of(
    videos: Sequence[Path], label_of: Mapping[Path, int | Tensor], classes: tuple[str, ...]
) -> tuple[Member, ...]:
    """Every video as a member of its split."""
    if not videos:
        return ()
    names = label_names(torch.stack([torch.as_tensor(label_of[video]) for video in videos]), classes)
    return tuple(Member((video,), labels) for video, labels in zip(videos, names, strict=True))


def kept_videos(
    record: DataRecord, label_of: Mapping[Path, int | Tensor], classes: tuple[str, ...], *, where: Path
) -> tuple[dict[str, list[Path]], dict[Path, int | Tensor], tuple[str, ...]]:
    """Each split's videos and the labels as a record has them, and remarks (`keep_items`).

    Raises:
        RegardError: videos of the record that are missing or changed.
    """
    members = members_of(list(label_of), label_of, classes)
    kept = keep_items(record, [m.files for m in members], [m.labels for m in members], where=where)
    videos = list(label_of)
    labels: dict[Path, int | Tensor] = dict(zip(videos, kept.labels, strict=True))
    return {name: [videos[i] for i in own.tolist()] for name, own in kept.groups.items()}, labels, kept.remarks


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
    record: DataRecord | None = None,
) -> tuple[dict[str, Fixations], dict[str, tuple[str, ...]]]:
    """Gaze of each split's clips: in ``test`` of one half of the observers, in all others of the other half.

    Files of samples are called ``{observer}_{clip}.avi.txt``, where ``clip_name`` gives a video's name; without any of
    them there is no gaze. Observers of a ``record`` stay what they were, and others are left out. The observers are
    returned as well, ``learned`` and ``judged``.

    Raises:
        RegardError: a single observer, or one of the record is missing.
    """
    samples: dict[str, dict[str, Path]] = {}
    files = list_files(folder, (".txt",), recursive=False) if folder.is_dir() else []
    for path in (path for path in files if path.name.endswith(".avi.txt")):
        observer, _, clip = path.name.removesuffix(".avi.txt").partition("_")
        samples.setdefault(clip, {})[observer] = path
    if not samples:
        return {}, {}
    people = sorted({observer for files in samples.values() for observer in files})
    if len(people) == 1:
        raise RegardError(
            f"gaze of {len(people)} observer ({', '.join(people)}): observers to learn from and to compare with must "
            "differ, so two are needed; add the others' files, or take the samples away"
        )
    panels = {"learned": tuple(people[::2]), "judged": tuple(people[1::2])}
    if record is not None and record.observers:
        panels = {name: tuple(record.observers[name]) for name in panels}
        check_observers(record, people)
    tables = {
        split: _gaze_of_samples(
            [(clip, samples.get(clip_name(clip.path), {})) for clip in clips],
            panels["judged" if split == "test" else "learned"],
            length,
        )
        for split, clips in clips_of(videos, stretches).items()
    }
    return tables, panels


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
