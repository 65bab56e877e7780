"""A short hash of a split's content, so that cached results are never used for another split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from regard.data.files import FileSplit
from regard.data.splits import Split, TensorSplit


def fingerprint(split: Split) -> str:
    """Hash of a split's pixels in memory, or of its files' path, length and time of change, and windows.

    A split of another type is read once.
    """
    total = hashlib.sha256(repr((type(split).__name__, len(split), split.classes)).encode())
    total.update(_bytes(split.labels))
    if isinstance(split, TensorSplit):
        total.update(_bytes(split.images))
    elif isinstance(split, FileSplit):
        total.update(repr(split.size).encode())
        total.update(_files(split.paths))
        if split.windows is not None:
            total.update(_bytes(split.windows))
    else:
        for part in torch.arange(len(split)).split(256):
            total.update(_bytes(split.batch(part).images))
    return total.hexdigest()[:16]


def mask_fingerprint(split: Split) -> str:
    """The same of the masks of a split that has them."""
    total = hashlib.sha256(repr((type(split).__name__, len(split))).encode())
    if isinstance(split, TensorSplit) and split.masks is not None:
        total.update(repr(tuple(split.masks.shape)).encode() + _bytes(split.masks))
    elif isinstance(split, FileSplit) and split.masks is not None:
        total.update(repr((split.size, split.mask_level)).encode() + _files(split.masks))
        if split.windows is not None:
            total.update(_bytes(split.windows))
    else:
        for part in torch.arange(len(split)).split(256):
            masks = split.batch(part).masks
            assert masks is not None
            total.update(_bytes(masks))
    return total.hexdigest()[:16]


def _files(paths: Iterable[Path]) -> bytes:
    states = ((path.resolve(), path.stat()) for path in paths)
    return "".join(f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in states).encode()


def _bytes(values: Tensor) -> bytes:
    return values.detach().cpu().contiguous().numpy().tobytes()
