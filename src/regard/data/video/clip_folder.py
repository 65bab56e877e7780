"""Your own videos in one folder per class, or UCF101 and HMDB-like sets with or without their official lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from regard.data.membership import DataRecord
from regard.data.splits import DataSplits
from regard.data.video.clips import clip_splits, hold_out_groups, kept_videos
from regard.data.video.decode import VIDEO_SUFFIXES
from regard.gaze import natural
from regard.listing import list_files, list_folders
from regard.types import RegardError

_SPLITS = ("train", "val", "test")


def clip_folder(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 112,
    length: int = 10,
    stretches: int = 1,
    lists: str | Path | None = None,
    fold: int = 1,
    val_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    in_memory: bool = False,
    record: DataRecord | None = None,
) -> DataSplits:
    """Videos of ``<Class>/*.avi`` (or mp4, mkv, mov, mpg, webm), with or without ``train``, ``val``, ``test`` above.

    Videos named ``..._g01_c02`` are of one group, cut from one scene (UCF101); splits drawn here keep groups together.
    Any other video is a group of its own.

    Args:
        root: the folder with the classes, or with the splits.
        size: height and width of the output, or one number for both; whole frames are stretched to it.
        length: steps of flow.
        stretches: clips that a training video gives, 1 to 7; the others give the one in their middle.
        lists: folder with UCF101's ``trainlist01.txt`` and ``testlist01.txt``.
        fold: which of the three lists.
        val_share: share of the training videos for validation where there is none.
        test_share: likewise for test.
        seed: decides which.
        in_memory: read all clips now: 260 kB per clip of 112 pixels with 10 steps of flow.
        record: of a run; its classes and splits are kept, whatever was added since.
    """
    root = Path(root)
    parts = {name: _videos(root / name) for name in _SPLITS if (root / name).is_dir()}
    if lists is not None:
        parts = {part: _listed(root, Path(lists) / f"{part}list{fold:02d}.txt") for part in ("train", "test")}
    elif "train" not in parts:
        parts = {"train": _videos(root)}
    classes = tuple(sorted({video.parent.name for videos in parts.values() for video in videos}))
    if len(classes) < 2 and record is None:
        raise RegardError(
            f"{root}: {len(classes)} classes ({', '.join(classes)}); at least 2 folders with videos are needed"
        )
    label_of: Mapping[Path, int | Tensor] = {v: classes.index(v.parent.name) for own in parts.values() for v in own}
    remarks: tuple[str, ...] = ()
    if record is None:
        for name, share in (("test", test_share), ("val", val_share)):
            if name not in parts:
                parts["train"], parts[name] = hold_out_groups(parts["train"], _group, share, seed=seed)
        _groups_apart(root, parts)
    else:
        parts, label_of, remarks = kept_videos(record, label_of, classes, where=root)
        classes = record.classes
    return clip_splits(
        {name: parts[name] for name in _SPLITS},
        label_of,
        classes=classes,
        where=root,
        remarks=remarks,
        size=size,
        length=length,
        stretches=stretches,
        in_memory=in_memory,
        source=f"videos in {root}",
        licence="the user's own",
    )


def _videos(folder: Path) -> list[Path]:
    videos = [p for name in list_folders(folder) for p in list_files(name, VIDEO_SUFFIXES, recursive=False)]
    if not videos:
        raise RegardError(f"{folder}: no videos in <Class>/ ({', '.join(VIDEO_SUFFIXES)}); correct the folder")
    return sorted(videos, key=lambda p: (p.parent.name, natural(p.name)))


def _listed(root: Path, path: Path) -> list[Path]:
    """Videos of an official list, one line ``Class/video.avi`` each, followed by a number in the train list."""
    if not path.is_file():
        raise RegardError(f"{path}: no such list; correct lists or fold")
    videos = [root / line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    absent = [video for video in videos if not video.is_file()]
    if absent:
        raise RegardError(
            f"{path}: {len(absent)} of {len(videos)} videos are missing, the first {absent[0]}; add them, or take them "
            "out of the list"
        )
    return videos


def _group(video: Path) -> str:
    return _scene(video) or f"{video.parent.name}/{video.name}"


def _scene(video: Path) -> str:
    """Class and group of a video named ``..._g01_c02``; else nothing."""
    group = re.search(r"_g(\d+)_c\d+$", video.stem)
    return f"{video.parent.name}/group {group[1]}" if group else ""


def _groups_apart(root: Path, parts: dict[str, list[Path]]) -> None:
    """Raises where lists or folders put videos of one scene into two splits."""
    owner: dict[str, str] = {}
    for name, videos in parts.items():
        for scene in sorted({_scene(video) for video in videos} - {""}):
            if owner.setdefault(scene, name) != name:
                raise RegardError(
                    f"{root}: {scene} is in {owner[scene]!r} and in {name!r}; videos of one group show one scene, so "
                    "keep them together"
                )
