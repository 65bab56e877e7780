"""What the readers of clips share: splits of whole videos, and gaze on a clip's image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from regard.data.files import as_size
from regard.data.gaze import stretch_gaze, table_reader
from regard.data.random_counter import permutation
from regard.data.splits import DataSplits, Split
from regard.data.video.clips import Clip, ClipSplit
from regard.gaze import Fixations
from regard.types import RegardError

_Item = TypeVar("_Item")
_STREAM = 210
_TIMES = (0.2, 0.35, 0.65, 0.8, 0.05, 0.95)
"""Positions of further stretches of a training video, after its middle."""


def hold_out_groups(
    items: Sequence[_Item], group_of: Callable[[_Item], str], share: float, *, seed: int
) -> tuple[list[_Item], list[_Item]]:
    """Items that stay, and items held out in whole groups: videos of one scene, film or person stay together.

    Groups are taken at random until at least ``share`` of the items is reached; at least one, and not all.

    Raises:
        RegardError: only one group, or a share that leaves nothing.
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
    """Every video's middle and, for ``count`` above one, further stretches of it, video by video.

    Raises:
        RegardError: a count out of range.
    """
    if not 1 <= count <= 1 + len(_TIMES):
        raise RegardError(f"stretches={count}: a training video gives 1 to {1 + len(_TIMES)} clips")
    return [Clip(path, at) for path in paths for at in (0.5, *_TIMES[: count - 1])]


def clips_of(videos: Mapping[str, Sequence[Path]], stretches: int) -> dict[str, list[Clip]]:
    """Every split's clips: so many of each training video, and of any other the one in its middle."""
    return {name: moments(paths, stretches if name == "train" else 1) for name, paths in videos.items()}


def clip_splits(
    videos: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Tensor],
    *,
    classes: tuple[str, ...],
    size: int | tuple[int, int],
    length: int,
    stretches: int,
    in_memory: bool,
    source: str,
    licence: str,
    gaze: Mapping[str, Fixations | None] | None = None,
    remarks: tuple[str, ...] = (),
) -> DataSplits:
    """Splits of whole videos.

    Args:
        videos: files or folders of frames of ``train``, ``val`` and ``test``.
        labels: theirs.
        classes: class names.
        size: height and width, or one number for both.
        length: steps of flow.
        stretches: clips that a training video gives; the others give the one in their middle.
        in_memory: read all clips now.
        source: where the data comes from.
        licence: what may be done with it.
        gaze: of each split, on images called by ``item_key``, in pixels of the video.
        remarks: see `DataSplits`.

    Raises:
        RegardError: a video in two splits, or a split without one.
    """
    _apart(videos)
    shape = as_size(size)
    tables: dict[str, Fixations] = {}
    parts: dict[str, Split] = {}
    for name, clips in clips_of(videos, stretches).items():
        own = labels[name].repeat_interleave(len(clips) // len(videos[name]), 0)
        table = (gaze or {}).get(name)
        if table is not None:
            tables[name] = stretch_gaze(table, [item_key(clip) for clip in clips], shape)
        split = ClipSplit(
            name,
            classes,
            tuple(clips),
            own,
            shape,
            length,
            fixations=tables[name].points().float() if name in tables else None,
        )
        parts[name] = split.load() if in_memory else split
    return DataSplits.of_parts(
        parts,
        statistics_images=500,
        source=source + "".join(_problems(name, table) for name, table in tables.items()),
        licence=licence,
        gaze=table_reader(tables["test"]) if "test" in tables else None,
        remarks=remarks,
    )


def item_key(clip: Clip) -> str:
    """The name of a clip's image in tables of gaze."""
    return f"{clip.path}@{clip.at:g}"


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
    """Fixations left out and clips without gaze, in words; empty if there are none."""
    without = int((table.counts() == 0).sum())
    parts = [f"{table.dropped} outside of the video left out"] if table.dropped else []
    parts += [f"{without} of {len(table.images)} clips without any"] if without else []
    return f"; gaze of {name}: {', '.join(parts)}" if parts else ""
