"""Atari-HEAD as a proxy for actions in video with gaze: the player's next direction (Zhang et al., AAAI 2020).

Items are frames shortly before a change of the joystick; the splits are stretches of time; floors of accuracy are the
predictions that use no image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.data.cache import cached
from regard.data.files import as_size, open_zip, read_zip_image
from regard.data.splits import DataSplits, Split, TensorSplit
from regard.data.video.decode import FLOW_VERSION, optical_flow, video_library
from regard.gaze import ATARI_FRAME, Fixations, load_csv, make_fixations, read_atari_head
from regard.types import RegardError

_Ints = npt.NDArray[np.int64]

_CLASSES = ("up", "right", "left", "down")
BLOCKS = 20
"""Stretches of time with equal numbers of frames; of every five, the third is validation and the fifth is test."""
MARGIN = 25
"""Frames at either end of a block that no part of an item may touch."""
GAZE_FRAMES = 5
"""Number of frames, the item's own the last, whose gaze counts."""
ATARI_HEAD_LICENCE = "CC BY 4.0"
_PROXY = (
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
    before it; its label is the action *after* the change. Image, flow and gaze end at the frame: nothing later is
    visible. No stack of flow crosses a gap of ``frame_num``; the change may come after one. Frames at which nothing
    changes soon are no items, as repeating the last action would be right on nearly all of them.

    The trial is cut into ``BLOCKS`` stretches of time, `MARGIN` frames at their ends left out, so that no frame and no
    neighbour of one is in two splits. ``guesses`` holds the floors: repeating the current action (never right here),
    the class most frequent in training, and the action that most often follows the current one in training.

    Args:
        root: the folder that holds the two files, or its parent folder if its name is ``atari-head``.
        size: height and width of the output, or one number for both; frames are 210x160.
        length: steps of flow.
        ahead: largest number of frames to the change.
        cache: keep images and flow in the user's cache folder.

    Raises:
        RegardError: files of another form, frames that are missing, or options that leave no item.
    """
    shape = as_size(size)
    frames, table = _files(Path(root))
    rows = load_csv(table, ("frame_id",), ("frame_num", "action4"))
    number, action = (_whole(rows[name], f"{table}, {name}") for name in ("frame_num", "action4"))
    if length < 1 or ahead < 1 or min(shape) < 1:
        raise RegardError(f"atari_head(size={size}, length={length}, ahead={ahead}): each must be at least 1")
    wrong = np.flatnonzero((action < 0) | (action >= len(_CLASSES)))
    if len(wrong):
        raise RegardError(f"{table}, row {wrong[0]}: action4 is {action[wrong[0]]}, not 0 to {len(_CLASSES) - 1}")
    items = find_items(number, action, length=length, ahead=ahead)
    parts = {name: items.of(name) for name in ("train", "val", "test")}
    empty = [name for name, part in parts.items() if not len(part.row)]
    if empty:
        raise RegardError(f"{table}: no change of action for {empty[0]!r} in its blocks of time; take a longer trial")
    make = partial(_frames_and_flow, frames, rows["frame_id"], items.row, length, shape)
    key = json.dumps(["atari_head", FLOW_VERSION, _digest(frames), _digest(table), length, ahead, list(shape)])
    tensors = cached("atari_head", key, make) if cache else make()
    gaze = read_atari_head(table)
    tables = {name: _recent_gaze(gaze, part.row, shape) for name, part in parts.items()}
    splits: dict[str, Split] = {}
    for name, part in parts.items():
        where = torch.from_numpy(np.searchsorted(items.row, part.row))
        images, labels, flow = tensors["images"][where], torch.from_numpy(part.label), tensors["flow"][where]
        fixations, names = tables[name].points().float(), tuple(rows["frame_id"][row] for row in part.row)
        splits[name] = TensorSplit(name, _CLASSES, images, labels, fixations=fixations, names=names, flow=flow)
    repeats = repeat_share(number, action)
    return DataSplits.of_parts(
        splits,
        statistics_images=500,
        source=(
            f"Atari-HEAD (Zhang et al. 2020), {table.name}: {len(number)} frames, {int((np.diff(number) != 1).sum())} "
            f"gaps, {gaze.dropped} positions of gaze outside of the frame left out; a proxy"
        ),
        licence=ATARI_HEAD_LICENCE,
        mirror=False,
        gaze=tables["test"],
        guesses=guesses(parts["train"], parts["test"]),
        remarks=(
            _PROXY,
            f"Repeating the current action is right on {repeats:.1%} of all test frames and, by construction, on none "
            "of the items here, at which a change is near.",
            f"The {len(parts['test'].row)} test items stand before {len(np.unique(parts['test'].change))} changes of "
            "action: intervals that treat items as independent are too narrow.",
        ),
        proxy=True,
    )


@dataclass(frozen=True)
class Items:
    """Frames of a trial shortly before a change of action.

    Attributes:
        row: the last visible frame (N,).
        label: the action that comes next (N,).
        current: the action at that frame (N,), another one.
        block: stretch of time that the whole item lies in (N,).
        change: the frame of the change (N,), which items share.
    """

    row: _Ints
    label: _Ints
    current: _Ints
    block: _Ints
    change: _Ints

    def of(self, split: str) -> Items:
        """The items of one split."""
        keep = np.isin(self.block % 5, {"train": (0, 1, 3), "val": (2,), "test": (4,)}[split])
        return Items(*(getattr(self, column)[keep] for column in vars(self)))


def find_items(number: _Ints, action: _Ints, *, length: int, ahead: int) -> Items:
    """The items of a trial, in the order of time, from its columns ``frame_num`` and ``action4``, both (F,).

    The ``length`` frames before an item's own must be there without a gap; the change of action comes at most ``ahead``
    frame numbers later.
    """
    if (np.diff(number) <= 0).any():
        row = int(np.argmax(np.diff(number) <= 0)) + 1
        raise RegardError(f"frame_num must increase: row {row} has {number[row]} after {number[row - 1]}")
    count = len(number)
    edges = np.linspace(0, count, BLOCKS + 1).astype(np.int64)
    block_of = np.searchsorted(edges, np.arange(count), side="right") - 1
    last = np.minimum(edges[1:], count) - 1
    rows = []
    for row in range(length, count):
        block = block_of[row]
        if number[row] - number[row - length] != length:
            continue
        change = row + 1
        while change < count and number[change] - number[row] <= ahead and action[change] == action[row]:
            change += 1
        if change == count or number[change] - number[row] > ahead:
            continue
        first = min(row - length, row - GAZE_FRAMES + 1)
        inside = number[first] - number[edges[block]] >= MARGIN and number[last[block]] - number[change] >= MARGIN
        if inside and first >= edges[block] and change <= last[block]:
            rows.append((row, action[change], action[row], block, change))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return Items(*columns)


def guesses(train: Items, test: Items) -> dict[str, Tensor]:
    """Predictions for the test items, made from the actions of training items alone."""
    counts = np.zeros((len(_CLASSES), len(_CLASSES)), dtype=np.int64)
    np.add.at(counts, (train.current, train.label), 1)
    most = np.full(len(test.row), counts.sum(0).argmax(), dtype=np.int64)
    return {
        "proxy floor: repeat the current action": torch.from_numpy(test.current),
        "proxy floor: most frequent in training": torch.from_numpy(most),
        "proxy floor: what mostly follows the current action": torch.from_numpy(counts.argmax(1)[test.current]),
    }


def repeat_share(number: _Ints, action: _Ints) -> float:
    """Share of all frames of the test blocks whose action is that of the frame before."""
    edges = np.linspace(0, len(number), BLOCKS + 1).astype(np.int64)
    rows = np.concatenate([np.arange(edges[b] + 1, edges[b + 1]) for b in range(BLOCKS) if b % 5 == 4])
    return float((action[rows] == action[rows - 1]).mean())


def _frames_and_flow(
    path: Path, names: Sequence[str], rows: _Ints, length: int, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Images (N,3,H,W) of the rows and the flow (N,2L,H,W) up to them; each frame is read and each step made once."""
    cv2 = video_library("cv2")
    with open_zip(path) as archive:
        entries = {Path(name).name: name for name in archive.namelist()}
        absent = [name for name in names if f"{name}.png" not in entries]
        if absent:
            raise RegardError(f"{path}: {len(absent)} of {len(names)} frames are missing, the first {absent[0]}.png")
        pixels: dict[int, np.ndarray] = {}
        steps: dict[int, Tensor] = {}
        images = torch.empty(len(rows), 3, *size, dtype=torch.uint8)
        flow = torch.empty(len(rows), 2 * length, *size, dtype=torch.int8)
        for k, row in enumerate(rows.tolist()):
            for frame in range(row - length, row + 1):
                if frame not in pixels:
                    whole = read_zip_image(archive, entries[f"{names[frame]}.png"], ATARI_FRAME)
                    pixels[frame] = cv2.resize(whole, (size[1], size[0]), interpolation=cv2.INTER_AREA)
                if frame > row - length and frame not in steps:
                    steps[frame] = optical_flow(np.stack([pixels[frame - 1], pixels[frame]]))
            images[k] = torch.from_numpy(pixels[row]).permute(2, 0, 1)
            flow[k] = torch.cat([steps[frame] for frame in range(row - length + 1, row + 1)])
            pixels = {frame: image for frame, image in pixels.items() if frame >= row - length}
            steps = {frame: step for frame, step in steps.items() if frame >= row - length}
    return {"images": images, "flow": flow}


def _recent_gaze(gaze: Fixations, rows: _Ints, size: tuple[int, int]) -> Fixations:
    """The gaze of the last frames up to each item's own, as fixations on it, in pixels of the output."""
    order = np.argsort(gaze.image, kind="stable")
    starts = np.searchsorted(gaze.image[order], np.arange(len(gaze.images) + 1))
    spans = [order[starts[max(row - GAZE_FRAMES + 1, 0)] : starts[row + 1]] for row in rows]
    index, image = np.concatenate(spans), np.repeat(np.arange(len(rows)), [len(span) for span in spans])
    subject, sizes = [gaze.subjects[0]] * len(index), {str(k): ATARI_FRAME for k in range(len(rows))}
    return make_fixations(
        image=image, subject=subject, x=gaze.x[index], y=gaze.y[index], sizes=sizes, units="pixels"
    ).rescale(size)


def _files(root: Path) -> tuple[Path, Path]:
    """The trial's zip of frames and its table, in ``root`` or in its folder ``atari-head``."""
    tables = sorted(root.glob("gaze_actions_*.csv")) or sorted((root / "atari-head").glob("gaze_actions_*.csv"))
    if not tables:
        raise RegardError(
            f"atari_head: no gaze_actions_<TRIAL>.csv in {root} or {root / 'atari-head'}; put it there with "
            "frames_<TRIAL>.zip, or pass their folder as root"
        )
    folder = tables[0].parent
    if len(tables) > 1:
        raise RegardError(
            f"{folder}: {len(tables)} files gaze_actions_<TRIAL>.csv; one trial is read, so give its folder"
        )
    frames = folder / f"frames_{tables[0].stem.removeprefix('gaze_actions_')}.zip"
    if not frames.is_file():
        raise RegardError(f"{frames}: no such file; put the trial's frames there")
    return frames, tables[0]


def _whole(values: npt.NDArray[np.float64], what: str) -> _Ints:
    if (values != np.rint(values)).any():
        raise RegardError(f"{what}: {values[values != np.rint(values)][0]} is no whole number")
    return values.astype(np.int64)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
