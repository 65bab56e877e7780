"""Two sets of clips of actions, with the gaze of Mathe and Sminchisescu on them.

Hollywood-2: twelve actions in 69 films, several at once (Marszałek, Laptev, Schmid, CVPR 2009). UCF Sports: 150
broadcasts of ten actions (Rodriguez, Ahmed, Shah, CVPR 2008).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data.files import find_folder
from regard.data.membership import DataRecord
from regard.data.splits import DataSplits
from regard.data.video.clips import (
    clip_splits,
    clips_of,
    gaze_of_maps,
    gaze_of_panels,
    hold_out_groups,
    kept_videos,
)
from regard.data.video.decode import VIDEO_SUFFIXES
from regard.gaze import natural
from regard.listing import list_files, list_folders
from regard.types import RegardError

HOLLYWOOD2_LICENCE = "for research, with citation; the films are their owners'"
HOLLYWOOD2_CLASSES = (
    "AnswerPhone",
    "DriveCar",
    "Eat",
    "FightPerson",
    "GetOutCar",
    "HandShake",
    "HugPerson",
    "Kiss",
    "Run",
    "SitDown",
    "SitUp",
    "StandUp",
)
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


def hollywood2(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 112,
    length: int = 10,
    stretches: int = 1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    record: DataRecord | None = None,
) -> DataSplits:
    """Hollywood-2 from ``AVIClips/*.avi`` and ``ClipSets/<Action>_{train,test}.txt``; labels are 0/1 targets (N,12).

    Train and test are the official ones, of 33 and 36 other films. Validation needs the film of each training
    clip: ``movies.txt``, a line ``<clip> <film>`` each. Gaze of Mathe and Sminchisescu, if it is there:
    ``samples/<observer>_<clip>.avi.txt``. Half of the observers are for learning, the others for comparison.

    ``root`` is the folder that holds these, or its parent folder if its name is ``hollywood2`` or ``Hollywood2``.
    Validation gets whole films. All other arguments are those of `clip_folder`.

    Raises:
        RegardError: a clip without a film, or a film in train and in test.
    """
    folder = find_folder(Path(root), "hollywood2", "Hollywood2", holds="ClipSets", name="hollywood2")
    targets = {part: _targets(folder / "ClipSets", part) for part in ("train", "test")}
    films = _films(folder / "movies.txt", targets)
    train, val = hold_out_groups(list(targets["train"]), films.__getitem__, val_share, seed=seed)
    parts = {"train": train, "val": val, "test": list(targets["test"])}
    videos = {name: [folder / "AVIClips" / f"{clip}.avi" for clip in clips] for name, clips in parts.items()}
    files = [video for paths in videos.values() for video in paths]
    absent = [video for video in files if not video.is_file()]
    if absent:
        raise RegardError(
            f"{folder}: {len(absent)} of {len(files)} clips are missing, the first {absent[0].name}; add them to "
            "AVIClips, or take them out of the lists in ClipSets"
        )
    target_of = targets["train"] | targets["test"]
    label_of: Mapping[Path, int | Tensor] = {video: target_of[video.stem] for video in files}
    remarks: tuple[str, ...] = ()
    if record is not None:
        videos, label_of, remarks = kept_videos(record, label_of, HOLLYWOOD2_CLASSES, where=folder)
    gaze, observers = gaze_of_panels(
        videos, folder / "samples", clip_name=lambda v: v.stem, stretches=stretches, length=length, record=record
    )
    return clip_splits(
        videos,
        label_of,
        classes=HOLLYWOOD2_CLASSES,
        size=size,
        length=length,
        stretches=stretches,
        in_memory=in_memory,
        source=f"Hollywood-2 (Marszałek et al. 2009), {len(target_of)} clips, {folder}",
        licence=HOLLYWOOD2_LICENCE,
        gaze=gaze,
        observers=observers,
        where=folder,
        remarks=remarks,
    )


def _targets(folder: Path, part: str) -> dict[str, Tensor]:
    """Clip -> targets (12,), in the order of clips, from one list per action."""
    targets: dict[str, Tensor] = {}
    for k, action in enumerate(HOLLYWOOD2_CLASSES):
        path = folder / f"{action}_{part}.txt"
        if not path.is_file():
            raise RegardError(f"{path}: no such list; unpack the whole of ClipSets there")
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or words[1] not in ("1", "-1"):
                raise RegardError(f"{path}, line {number}: {line!r} is not a clip and 1 or -1; fetch the list again")
            targets.setdefault(words[0], torch.zeros(len(HOLLYWOOD2_CLASSES)))[k] = float(words[1] == "1")
    return dict(sorted(targets.items(), key=lambda pair: natural(pair[0])))


def _films(path: Path, targets: dict[str, dict[str, Tensor]]) -> dict[str, str]:
    """Clip -> film."""
    if not path.is_file():
        raise RegardError(
            f"{path}: no such file; validation clips must be of other films than training clips, so write a line "
            "'<clip> <film>' for each clip of the train split (the published set has no such list)"
        )
    films = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = re.match(r"\s*(\S+)\s+(\S.*?)\s*$", line)
        if line.strip() and not words:
            raise RegardError(f"{path}, line {number}: {line!r} is not a clip and its film; write '<clip> <film>'")
        if words:
            films[words[1]] = words[2]
    absent = [clip for clip in targets["train"] if clip not in films]
    if absent:
        raise RegardError(
            f"{path}: no film for {len(absent)} training clips, the first {absent[0]}; add a line for each"
        )
    shared = {films[clip] for clip in targets["train"]} & {films.get(clip, "") for clip in targets["test"]} - {""}
    if shared:
        raise RegardError(f"{path}: film {sorted(shared)[0]!r} is in train and in test; correct the list")
    return films


def ucf_sports(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 112,
    length: int = 10,
    stretches: int = 1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    record: DataRecord | None = None,
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
        return _repackaged(root, val_share, seed, record, **options)
    folder = find_folder(root, "ucf_sports", holds=UCF_SPORTS_CLASSES[0], name="ucf_sports")
    by_class = [_videos(folder, name) for name in UCF_SPORTS_CLASSES]
    label_of: Mapping[Path, int | Tensor] = {v: label for label, videos in enumerate(by_class) for v in videos}
    test = [video for videos in by_class for video in videos[: len(videos) // 3]]
    train, val = hold_out_groups([video for video in label_of if video not in set(test)], _tape, val_share, seed=seed)
    videos, count = {"train": train, "val": val, "test": test}, len(label_of)
    remarks: tuple[str, ...] = ()
    if record is not None:
        videos, label_of, remarks = kept_videos(record, label_of, UCF_SPORTS_CLASSES, where=folder)
    gaze, observers = gaze_of_panels(
        videos, folder / "samples", clip_name=_clip_name, stretches=stretches, length=length, record=record
    )
    return clip_splits(
        videos,
        label_of,
        classes=UCF_SPORTS_CLASSES,
        source=f"UCF Sports (Rodriguez et al. 2008), {count} videos, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze=gaze,
        observers=observers,
        where=folder,
        remarks=remarks,
        **options,
    )


def _repackaged(root: Path, val_share: float, seed: int, record: DataRecord | None, **options: Any) -> DataSplits:
    folder = find_folder(root, "ucf_sports", holds="training", name="ucf_sports")
    train, val = hold_out_groups(_clips(folder / "training"), lambda clip: clip.parent.name, val_share, seed=seed)
    videos = {"train": train, "val": val, "test": _clips(folder / "testing")}
    label_of: Mapping[Path, int | Tensor] = {clip: _label(clip.parent) for part in videos.values() for clip in part}
    remarks: tuple[str, ...] = ("Observers are lost in this form of the gaze: there is no ceiling between them.",)
    if record is not None:
        videos, label_of, more = kept_videos(record, label_of, UCF_SPORTS_CLASSES, where=folder)
        remarks += more
    clips = clips_of(videos, options["stretches"])
    return clip_splits(
        videos,
        label_of,
        classes=UCF_SPORTS_CLASSES,
        source=f"UCF Sports (Rodriguez et al. 2008) as Wang et al. (2018) repackaged it, {folder}",
        licence=UCF_SPORTS_LICENCE,
        gaze={name: gaze_of_maps(part, length=options["length"]) for name, part in clips.items()},
        where=folder,
        remarks=remarks,
        **options,
    )


def _videos(folder: Path, name: str) -> list[Path]:
    """Videos of a class, all its views, in the order of names: a file each, or the folder of its frames."""
    videos = []
    for view in (p for p in list_folders(folder) if _class_of(p.name) == name):
        for number in sorted(list_folders(view), key=lambda p: natural(p.name)):
            files = list_files(number, VIDEO_SUFFIXES, recursive=False)
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
    clips = [p / "images" for p in list_folders(folder) if (p / "images").is_dir()] if folder.is_dir() else []
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
