"""UCF Sports: 150 broadcasts of ten actions (Rodriguez, Ahmed, Shah, CVPR 2008), and gaze on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch

from regard.data.files import find_folder
from regard.data.splits import DataSplits
from regard.data.video.clip_splits import clip_splits, clips_of, hold_out_groups
from regard.data.video.decode import VIDEO_SUFFIXES
from regard.data.video.gaze import gaze_of_maps, gaze_of_panels
from regard.gaze import natural
from regard.types import RegardError

UCF_SPORTS_LICENCE = "no explicit licence; for research, with citation"
UCF_SPORTS_CLASSES = (
    "Diving-Side",
    "Golf-Swing",
    "Kicking",
    "Lifting",
    "Riding-Horse",
    "Run-Side",
    "SkateBoarding-Front",
    "Swing-Bench",
    "Swing-SideAngle",
    "Walk-Front",
)


def ucf_sports(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 112,
    length: int = 10,
    stretches: int = 1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
) -> DataSplits:
    """UCF Sports in one of two layouts.

    * As published: ``<Class>/<NNN>/*.avi`` (or the frames as images). The test split is the first third of every
      class's videos by name (Lan, Wang, Mori, ICCV 2011: 103 / 47). Gaze of Mathe and Sminchisescu, if it is there:
      ``samples/<observer>_<Class>-<NNN>.avi.txt``. Half of the observers are for learning, the others for comparison.
    * With gaze as Wang et al. (2018) repackaged it: ``training`` and ``testing``, in each ``<Class>-<NNN>/images`` and
      ``<Class>-<NNN>/fixation``. Observers are lost in it.

    Golf and kicking, published in three and two views, are one class each.

    Args:
        root: the folder that holds the classes (or the two splits), or the one in which it is called ``ucf_sports``.
        size: height and width of the output, or one number for both; whole frames are stretched to it.
        length: steps of flow.
        stretches: clips that a training video gives, 1 to 7; the others give the one in their middle.
        val_share: share of the training videos for validation; those cut from one tape, by name, stay together.
        seed: decides which.
        in_memory: read all clips now: 260 kB per clip of 112 pixels with 10 steps of flow.
    """
    root = Path(root)
    if any((folder / "training").is_dir() for folder in (root, root / "ucf_sports")):
        return _repackaged(root, size, length, stretches, val_share, seed, in_memory)
    folder = find_folder(root, "ucf_sports", holds=UCF_SPORTS_CLASSES[0], name="ucf_sports")
    found = [(name, video) for name in UCF_SPORTS_CLASSES for video in _videos(folder, name)]
    tests = {video for name in UCF_SPORTS_CLASSES for video in _first_third([v for n, v in found if n == name])}
    learned = [(name, video) for name, video in found if video not in tests]
    tapes = [_tape(video) for _, video in learned]
    val = set(hold_out_groups(tapes, val_share, seed=seed).tolist())
    parts = {
        "train": [pair for k, pair in enumerate(learned) if k not in val],
        "val": [pair for k, pair in enumerate(learned) if k in val],
        "test": [pair for pair in found if pair[1] in tests],
    }
    videos = {name: [video for _, video in pairs] for name, pairs in parts.items()}
    gaze = gaze_of_panels(videos, folder / "samples", clip_name=_called, stretches=stretches, length=length)
    return clip_splits(
        videos,
        {name: torch.tensor([UCF_SPORTS_CLASSES.index(label) for label, _ in pairs]) for name, pairs in parts.items()},
        classes=UCF_SPORTS_CLASSES,
        size=size,
        length=length,
        stretches=stretches,
        in_memory=in_memory,
        source=f"UCF Sports (Rodriguez et al. 2008), {len(found)} videos, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze=gaze,
    )


def _repackaged(
    root: Path,
    size: int | tuple[int, int],
    length: int,
    stretches: int,
    val_share: float,
    seed: int,
    in_memory: bool,
) -> DataSplits:
    folder = find_folder(root, "ucf_sports", holds="training", name="ucf_sports")
    learned, tested = (_clips(folder / part) for part in ("training", "testing"))
    val = set(hold_out_groups([clip.parent.name for clip in learned], val_share, seed=seed).tolist())
    videos = {
        "train": [clip for k, clip in enumerate(learned) if k not in val],
        "val": [clip for k, clip in enumerate(learned) if k in val],
        "test": tested,
    }
    return clip_splits(
        videos,
        {name: torch.tensor([_label(clip.parent) for clip in clips]) for name, clips in videos.items()},
        classes=UCF_SPORTS_CLASSES,
        size=size,
        length=length,
        stretches=stretches,
        in_memory=in_memory,
        source=f"UCF Sports (Rodriguez et al. 2008) as Wang et al. (2018) repackaged it, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze={name: gaze_of_maps(clips, length=length) for name, clips in clips_of(videos, stretches).items()},
        remarks=("Observers are lost in this form of the gaze: there is no ceiling between them.",),
    )


def _videos(folder: Path, name: str) -> list[Path]:
    """Videos of a class, all its views, in the order of names: a file each, or the folder where it is frames."""
    videos = []
    for view in sorted(p for p in folder.iterdir() if p.is_dir() and _class_of(p.name) == name):
        for number in sorted((p for p in view.iterdir() if p.is_dir()), key=lambda p: natural(p.name)):
            files = sorted(p for p in number.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
            videos.append(files[0] if files else number)
    if not videos:
        raise RegardError(f"{folder}: no videos of {name}; unpack the whole set there")
    return videos


def _class_of(view: str) -> str:
    return next((name for name in UCF_SPORTS_CLASSES if view == name or view.startswith(name + "-")), "")


def _first_third(videos: Sequence[Path]) -> Sequence[Path]:
    return videos[: len(videos) // 3]


def _tape(video: Path) -> str:
    """What videos cut from one broadcast share: the name up to its last underscore; nothing for a folder of frames."""
    return video.stem.rpartition("_")[0] if video.is_file() and "_" in video.stem else str(video)


def _called(video: Path) -> str:
    """``<Class>-<NNN>``, whatever the file itself is called."""
    place = video if video.is_dir() else video.parent
    return f"{place.parent.name}-{place.name}"


def _clips(folder: Path) -> list[Path]:
    """Folders of frames, ``<Class>-<NNN>/images``."""
    found = [p / "images" for p in folder.iterdir() if (p / "images").is_dir()] if folder.is_dir() else []
    if not found:
        raise RegardError(f"{folder}: no clips (<Class>-<NNN>/images); unpack the set there")
    return sorted(found, key=lambda p: natural(p.parent.name))


def _label(clip: Path) -> int:
    name = _class_of(re.sub(r"-\d+$", "", clip.name))
    if not name:
        raise RegardError(
            f"{clip}: of none of the classes {', '.join(UCF_SPORTS_CLASSES)}; a clip is called <Class>-<NNN>"
        )
    return UCF_SPORTS_CLASSES.index(name)
