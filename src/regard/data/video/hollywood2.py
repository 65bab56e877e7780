"""Hollywood-2: twelve actions in 69 films, several at once (Marszałek, Laptev, Schmid, CVPR 2009), and gaze on them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from regard.data.files import find_folder
from regard.data.splits import DataSplits
from regard.data.video.clip_splits import clip_splits, gaze_of_panels, hold_out_groups
from regard.gaze import natural
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


def hollywood2(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 112,
    length: int = 10,
    stretches: int = 1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
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
    gaze = gaze_of_panels(
        videos, folder / "samples", clip_name=lambda video: video.stem, stretches=stretches, length=length
    )
    return clip_splits(
        videos,
        {video: target_of[video.stem] for video in files},
        classes=HOLLYWOOD2_CLASSES,
        size=size,
        length=length,
        stretches=stretches,
        in_memory=in_memory,
        source=f"Hollywood-2 (Marszałek et al. 2009), {len(target_of)} clips, {folder}",
        licence=HOLLYWOOD2_LICENCE,
        gaze=gaze,
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
