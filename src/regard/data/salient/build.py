"""What the readers of salient-object sets share: images beside their masks, splits, gaze in pixels of the output."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regard.data.crops import points_of
from regard.data.files import FileSplit, as_size, file_splits
from regard.data.reading import IMAGE_SUFFIXES
from regard.data.splits import DataSplits
from regard.data.stratify import complete
from regard.gaze import Fixations, natural, observer_split
from regard.types import RegardError

_CLASSES = ("salient object",)
TEST_SHARE = 0.2
"""The last fifth, by number, is the test split of sets that are published without one: ECSSD's last 200 images."""

Pairs = dict[str, tuple[Path, Path]]
"""Name of an image's file -> the file and its mask's, in the order of numbers in names."""


def find_folder(root: Path, *places: str, holds: str, name: str) -> Path:
    """The first of the root and of places below it that holds a folder (or file).

    Raises:
        RegardError: none does; it says what to put where.
    """
    for folder in (root, *(root / place for place in places)):
        if (folder / holds).exists():
            return folder
    raise RegardError(
        f"{name}: neither {root / holds} nor {root / places[0] / holds} exists; unpack the data set there, or pass "
        "its folder as root"
    )


def pairs(images: Path, masks: Path) -> Pairs:
    """Every image with the mask of the same name, their endings apart.

    Raises:
        RegardError: no folder, no image, or an image without a mask.
    """
    files, at_hand = _files(images), {path.stem: path for path in _files(masks)}
    absent = [path.name for path in files if path.stem not in at_hand]
    if absent:
        raise RegardError(f"{masks}: no mask for {len(absent)} of {len(files)} images, the first {absent[0]}; add it")
    return {path.name: (path, at_hand[path.stem]) for path in files}


def last_as_test(count: int) -> dict[str, Tensor]:
    """``train`` and, of the last `TEST_SHARE` by number, ``test``."""
    first = count - round(TEST_SHARE * count)
    return {"train": torch.arange(first), "test": torch.arange(first, count)}


def salient_splits(
    found: Pairs,
    groups: dict[str, Tensor],
    *,
    size: int | tuple[int, int],
    val_share: float,
    seed: int,
    in_memory: bool,
    source: str,
    licence: str,
    where: Path,
    level: float | None = None,
    gaze: Fixations | None = None,
    held_out: int = 0,
) -> DataSplits:
    """Splits of images and masks, stretched to ``size``.

    Args:
        found: all images with their masks.
        groups: positions of the splits that are given; ``val`` is taken out of ``train`` where it is missing.
        size: height and width, or one number for both.
        val_share: of the training images.
        seed: decides which.
        in_memory: read all images now.
        source: where the data comes from.
        licence: what may be done with it.
        where: file or folder, for errors.
        level: of graded masks.
        gaze: fixations on (some of) the images, by their files' names, in their files' pixels.
        held_out: observers whose gaze is that of the test images alone, as in `observer_split`.
    """
    files = list(found.values())
    return splits_of(
        [image for image, _ in files],
        groups,
        classes=_CLASSES,
        labels=torch.zeros(len(files)).long(),
        masks=[mask for _, mask in files],
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=source,
        licence=licence,
        where=where,
        level=level,
        gaze=gaze,
        held_out=held_out,
    )


def splits_of(
    images: list[Path],
    groups: dict[str, Tensor],
    *,
    classes: tuple[str, ...],
    labels: Tensor,
    size: int | tuple[int, int],
    val_share: float,
    seed: int,
    in_memory: bool,
    source: str,
    licence: str,
    where: Path,
    masks: list[Path] | None = None,
    level: float | None = None,
    gaze: Fixations | None = None,
    held_out: int = 0,
) -> DataSplits:
    """Splits of whole images, stretched to ``size``, with what there is of masks and gaze; see `salient_splits`."""
    shape, names = as_size(size), [path.name for path in images]
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0])
    groups = complete(groups, labels, {"val": val_share}, seed=seed, where=where)
    tables: dict[str, Fixations] = {}
    if gaze is not None:
        learned, judged = observer_split(gaze, held_out)
        tables = {
            key: stretched(judged if key == "test" else learned, [names[i] for i in index.tolist()], shape)
            for key, index in groups.items()
        }
    splits = {
        name: FileSplit(
            name,
            classes,
            tuple(images[i] for i in index.tolist()),
            labels[index],
            shape,
            masks=None if masks is None else tuple(masks[i] for i in index.tolist()),
            mask_level=level,
            windows=whole.expand(len(index), -1),
            fixations=points_of(tables[name]) if name in tables else None,
        )
        for name, index in groups.items()
    }
    test = tables.get("test")
    return file_splits(
        splits,
        source=source,
        licence=licence,
        in_memory=in_memory,
        gaze=None if test is None else partial(_given, test),
    )


def stretched(table: Fixations, names: list[str], size: tuple[int, int]) -> Fixations:
    """Fixations on these images in this order, each named by its number, in pixels of an output of (height, width).

    An image that the table does not list has none.
    """
    place = {name: k for k, name in enumerate(names)}
    codes = np.array([place.get(name, -1) for name in table.images], dtype=np.int64)
    table = table.rescale(size).rows(codes[table.image] >= 0)
    return replace(
        table,
        image=codes[table.image],
        images=tuple(str(k) for k in range(len(names))),
        sizes=np.tile(np.array(size, dtype=np.int64), (len(names), 1)),
    )


def _given(table: Fixations) -> Fixations:
    return table


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RegardError(f"{folder}: no such folder; unpack the data set there")
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
    if not found:
        raise RegardError(f"{folder}: no images ({', '.join(IMAGE_SUFFIXES)})")
    return sorted(found, key=lambda path: natural(path.name))
