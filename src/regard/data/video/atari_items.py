"""Which moments of a game are asked about, in which split each is, and what can be said of them without looking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.types import RegardError

Ints = npt.NDArray[np.int64]

CLASSES = ("up", "right", "left", "down")
BLOCKS = 20
"""Stretches of time, of equal numbers of frames; of every five, the third is validation and the fifth is test."""
MARGIN = 25
"""Frames at either end of a block that nothing of an item may touch."""
LOOKS = 5
"""Frames up to and with the item's own on which the player's gaze counts."""


@dataclass(frozen=True)
class Items:
    """Moments of a trial at which a change is near.

    Attributes:
        row: the frame that is seen last (N,).
        label: the action that comes next (N,).
        current: the action at that frame (N,), another one.
        block: stretch of time that everything about the item lies in (N,).
        change: the frame of the change (N,), which items share.
    """

    row: Ints
    label: Ints
    current: Ints
    block: Ints
    change: Ints

    def of(self, split: str) -> Items:
        """Those of one split."""
        keep = np.isin(self.block % 5, {"train": (0, 1, 3), "val": (2,), "test": (4,)}[split])
        return Items(*(getattr(self, column)[keep] for column in vars(self)))


def find_items(number: Ints, action: Ints, *, length: int, ahead: int) -> Items:
    """The items of a trial, in time.

    Args:
        number: ``frame_num`` (F,), increasing.
        action: (F,).
        length: frames before the item's own that must be there without a gap.
        ahead: largest difference of frame numbers to the change.
    """
    if (np.diff(number) <= 0).any():
        row = int(np.argmax(np.diff(number) <= 0)) + 1
        raise RegardError(f"frame_num must increase: row {row} has {number[row]} after {number[row - 1]}")
    count = len(number)
    edges = np.linspace(0, count, BLOCKS + 1).astype(np.int64)
    block_of = np.searchsorted(edges, np.arange(count), side="right") - 1
    last = np.minimum(edges[1:], count) - 1
    found = []
    for row in range(length, count):
        block = block_of[row]
        if number[row] - number[row - length] != length:
            continue
        change = row + 1
        while change < count and number[change] - number[row] <= ahead and action[change] == action[row]:
            change += 1
        if change == count or number[change] - number[row] > ahead:
            continue
        first = min(row - length, row - LOOKS + 1)
        inside = number[first] - number[edges[block]] >= MARGIN and number[last[block]] - number[change] >= MARGIN
        if inside and first >= edges[block] and change <= last[block]:
            found.append((row, action[change], action[row], block, change))
    columns = np.array(found, dtype=np.int64).reshape(-1, 5).T
    return Items(*columns)


def guesses(train: Items, test: Items) -> dict[str, Tensor]:
    """What needs no look at a test item, from the labels of training items alone."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(counts, (train.current, train.label), 1)
    most = np.full(len(test.row), counts.sum(0).argmax(), dtype=np.int64)
    return {
        "proxy floor: repeat the current action": torch.from_numpy(test.current),
        "proxy floor: most frequent in training": torch.from_numpy(most),
        "proxy floor: what mostly follows the current action": torch.from_numpy(counts.argmax(1)[test.current]),
    }


def repeated(number: Ints, action: Ints) -> float:
    """Share of all frames of the test blocks whose action is that of the frame before."""
    edges = np.linspace(0, len(number), BLOCKS + 1).astype(np.int64)
    rows = np.concatenate([np.arange(edges[b] + 1, edges[b + 1]) for b in range(BLOCKS) if b % 5 == 4])
    return float((action[rows] == action[rows - 1]).mean())
