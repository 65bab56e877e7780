"""Atari-HEAD as a proxy for video with gaze: which way will the player turn next? (Zhang et al., AAAI 2020)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regard.data.cache import cached
from regard.data.files import as_size
from regard.data.splits import DataSplits, TensorSplit, channel_statistics
from regard.data.video.atari_frames import read_frames
from regard.data.video.atari_items import CLASSES, LOOKS, Ints, find_items, guesses, repeated
from regard.data.video.flow import VERSION
from regard.gaze import Fixations, make_fixations
from regard.gaze.readers.atari_head import FRAME, read_atari_head
from regard.gaze.readers.files import load_csv, numbers
from regard.types import RegardError

LICENCE = "CC BY 4.0"
PROXY = (
    "A proxy for recognizing actions in video with gaze: one player of one game. Nobody else looked at the same "
    "frames, so there is no ceiling between observers."
)


def atari_head(
    root: str | Path,
    *,
    size: int | tuple[int, int] = (84, 64),
    length: int = 5,
    ahead: int = 8,
    cache: bool = True,
) -> DataSplits:
    """One trial from ``frames_<TRIAL>.zip`` and ``gaze_actions_<TRIAL>.csv``: frames, gaze and joystick of a player.

    An item is a frame within ``ahead`` frames of the next change of the joystick, with the flow of the ``length`` steps
    before it; its label is the action *after* the change. Seen is only what has been: image, flow and gaze end at the
    frame. No stack of flow crosses a gap of ``frame_num``; the change may come after one. Frames at which nothing
    changes soon are no items, as repeating the last action would be right on nearly all of them.

    The trial is cut into ``BLOCKS`` stretches of time, `MARGIN` frames at their ends left out, so that no frame and no
    neighbour of one is in two splits. ``guesses`` holds the floors: repeating the current action (never right here),
    the class most frequent in training, and the action that most often follows the current one in training.

    Args:
        root: the folder that holds the two files, or the one in which it is called ``atari-head``.
        size: height and width of what comes out, or one number for both; frames are 210x160.
        length: steps of flow.
        ahead: largest number of frames to the change.
        cache: keep images and flow in the user's cache folder.

    Raises:
        RegardError: files of another form, frames that are missing, or options that leave no item.
    """
    folder, shape = _folder(Path(root)), as_size(size)
    frames, table = _files(folder)
    rows = load_csv(table, ("frame_id", "frame_num", "action4"))
    number, action = (_whole(rows[name], f"{table}, {name}") for name in ("frame_num", "action4"))
    if length < 1 or ahead < 1 or min(shape) < 1:
        raise RegardError(f"atari_head(size={size}, length={length}, ahead={ahead}): each must be at least 1")
    wrong = np.flatnonzero((action < 0) | (action >= len(CLASSES)))
    if len(wrong):
        raise RegardError(f"{table}, row {wrong[0]}: action4 is {action[wrong[0]]}, not 0 to {len(CLASSES) - 1}")
    items = find_items(number, action, length=length, ahead=ahead)
    parts = {name: items.of(name) for name in ("train", "val", "test")}
    empty = [name for name, part in parts.items() if not len(part.row)]
    if empty:
        raise RegardError(f"{table}: no change of action for {empty[0]!r} in its blocks of time; take a longer trial")

    def make() -> dict[str, Tensor]:
        return read_frames(frames, rows["frame_id"], items.row, length, shape)

    key = json.dumps(["atari_head", VERSION, _digest(frames), _digest(table), length, ahead, list(shape)])
    tensors = cached("atari_head", key, make) if cache else make()
    place = {int(row): k for k, row in enumerate(items.row)}
    gaze = read_atari_head(table)
    tables = {name: _looks(gaze, part.row, shape) for name, part in parts.items()}
    splits = {}
    for name, part in parts.items():
        where = torch.tensor([place[int(row)] for row in part.row])
        splits[name] = TensorSplit(
            name,
            CLASSES,
            tensors["images"][where],
            torch.from_numpy(part.label),
            fixations=tables[name].points().float(),
            names=tuple(rows["frame_id"][row] for row in part.row),
            flow=tensors["flow"][where],
        )
    mean, std = channel_statistics(splits["train"], limit=500)
    still = repeated(number, action)
    return DataSplits(
        **splits,
        mean=mean,
        std=std,
        source=(
            f"Atari-HEAD (Zhang et al. 2020), {table.name}: {len(number)} frames, {int((np.diff(number) != 1).sum())} "
            f"gaps, {gaze.dropped} positions of gaze outside of the frame left out; a proxy"
        ),
        licence=LICENCE,
        mirror=False,
        gaze=partial(_given, tables["test"]),
        guesses=guesses(parts["train"], parts["test"]),
        remarks=(
            PROXY,
            f"Repeating the current action is right on {still:.1%} of all test frames and, by construction, on none of "
            "those asked about here, at which a change is near.",
            f"The {len(parts['test'].row)} test items stand before {len(np.unique(parts['test'].change))} changes of "
            "action: intervals that take items for independent are too narrow.",
        ),
        proxy=True,
    )


def _looks(gaze: Fixations, rows: Ints, size: tuple[int, int]) -> Fixations:
    """The gaze of the last frames up to each item's own, as fixations on it, in pixels of what comes out."""
    image, x, y = [], [], []
    order = np.argsort(gaze.image, kind="stable")
    starts = np.searchsorted(gaze.image[order], np.arange(len(gaze.images) + 1))
    for k, row in enumerate(rows.tolist()):
        for frame in range(max(row - LOOKS + 1, 0), row + 1):
            for i in order[starts[frame] : starts[frame + 1]]:
                image.append(str(k))
                x.append(gaze.x[i])
                y.append(gaze.y[i])
    table = make_fixations(
        image=image,
        subject=[gaze.subjects[0]] * len(image),
        x=x,
        y=y,
        sizes={str(k): FRAME for k in range(len(rows))},
    )
    return table.rescale(size)


def _folder(root: Path) -> Path:
    for folder in (root, root / "atari-head"):
        if list(folder.glob("gaze_actions_*.csv")):
            return folder
    raise RegardError(
        f"atari_head: no gaze_actions_<TRIAL>.csv in {root} or {root / 'atari-head'}; put it there with "
        "frames_<TRIAL>.zip, or pass their folder as root"
    )


def _files(folder: Path) -> tuple[Path, Path]:
    tables = sorted(folder.glob("gaze_actions_*.csv"))
    if len(tables) != 1:
        raise RegardError(
            f"{folder}: {len(tables)} files gaze_actions_<TRIAL>.csv; one trial is read, so give its folder"
        )
    frames = folder / f"frames_{tables[0].stem.removeprefix('gaze_actions_')}.zip"
    if not frames.is_file():
        raise RegardError(f"{frames}: no such file; put the trial's frames there")
    return frames, tables[0]


def _whole(values: Sequence[str], what: str) -> Ints:
    found = numbers(values, what)
    if (found != np.rint(found)).any():
        raise RegardError(f"{what}: {found[found != np.rint(found)][0]} is no whole number")
    return found.astype(np.int64)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _given(table: Fixations) -> Fixations:
    return table
