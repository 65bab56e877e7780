"""UCF Sports: 150 broadcasts of ten actions (Rodriguez, Ahmed, Shah, CVPR 2008), and gaze on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from regard.data.files import find_folder
from regard.data.splits import DataSplits
from regard.data.video.clip_splits import clip_splits, clips_of, gaze_of_maps, gaze_of_panels, hold_out_groups
from regard.data.video.decode import VIDEO_SUFFIXES
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

    ``root`` is the folder that holds the classes (or the two splits), or its parent folder if its name is
    ``ucf_sports``. Videos cut from one tape, by name, stay together when validation videos are drawn. All other
    arguments are those of `clip_folder`.
    """
    root = Path(root)
    options: dict[str, Any] = {"size": size, "length": length, "stretches": stretches, "in_memory": in_memory}
    if any((folder / "training").is_dir() for folder in (root, root / "ucf_sports")):
        return _repackaged(root, val_share, seed, **options)
    folder = find_folder(root, "ucf_sports", holds=UCF_SPORTS_CLASSES[0], name="ucf_sports")
    by_class = [_videos(folder, name) for name in UCF_SPORTS_CLASSES]
    label_of = {video: label for label, videos in enumerate(by_class) for video in videos}
    test = [video for videos in by_class for video in videos[: len(videos) // 3]]
    train, val = hold_out_groups([video for video in label_of if video not in set(test)], _tape, val_share, seed=seed)
    videos = {"train": train, "val": val, "test": test}
    return clip_splits(
        videos,
        label_of,
        classes=UCF_SPORTS_CLASSES,
        source=f"UCF Sports (Rodriguez et al. 2008), {len(label_of)} videos, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze=gaze_of_panels(videos, folder / "samples", clip_name=_clip_name, stretches=stretches, length=length),
        **options,
    )


def _repackaged(root: Path, val_share: float, seed: int, **options: Any) -> DataSplits:
    folder = find_folder(root, "ucf_sports", holds="training", name="ucf_sports")
    train, val = hold_out_groups(_clips(folder / "training"), lambda clip: clip.parent.name, val_share, seed=seed)
    videos = {"train": train, "val": val, "test": _clips(folder / "testing")}
    clips = clips_of(videos, options["stretches"])
    return clip_splits(
        videos,
        {clip: _label(clip.parent) for part in videos.values() for clip in part},
        classes=UCF_SPORTS_CLASSES,
        source=f"UCF Sports (Rodriguez et al. 2008) as Wang et al. (2018) repackaged it, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze={name: gaze_of_maps(part, length=options["length"]) for name, part in clips.items()},
        remarks=("Observers are lost in this form of the gaze: there is no ceiling between them.",),
        **options,
    )


def _videos(folder: Path, name: str) -> list[Path]:
    """Videos of a class, all its views, in the order of names: a file each, or the folder of its frames."""
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


def _tape(video: Path) -> str:
    """Broadcast that a video is cut from: the name up to its last underscore; the path where there is none."""
    return video.stem.rpartition("_")[0] if video.is_file() and "_" in video.stem else str(video)


def _clip_name(video: Path) -> str:
    """``<Class>-<NNN>``, whatever the file's name."""
    place = video if video.is_dir() else video.parent
    return f"{place.parent.name}-{place.name}"


def _clips(folder: Path) -> list[Path]:
    """Folders of frames, ``<Class>-<NNN>/images``."""
    clips = [p / "images" for p in folder.iterdir() if (p / "images").is_dir()] if folder.is_dir() else []
    if not clips:
        raise RegardError(f"{folder}: no clips (<Class>-<NNN>/images); unpack the set there")
    return sorted(clips, key=lambda p: natural(p.parent.name))


def _label(clip: Path) -> int:
    name = _class_of(re.sub(r"-\d+$", "", clip.name))
    if not name:
        raise RegardError(
            f"{clip}: in none of the classes {', '.join(UCF_SPORTS_CLASSES)}; a clip is called <Class>-<NNN>"
        )
    return UCF_SPORTS_CLASSES.index(name)
