"""What the readers of image files share: splits cut to the centre (own images) or stretched (published sets)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data.files import FileSplit, as_size, file_splits
from regard.data.gaze import own_gaze, points_of, stretch_gaze, table_reader
from regard.data.splits import DataSplits
from regard.data.stratify import complete
from regard.gaze import Fixations, observer_split

_TEST_SHARE = 0.2
"""The last fifth, by number, is the test split of sets that are published without one: ECSSD's last 200 images."""


def last_as_test(count: int) -> dict[str, Tensor]:
    """Positions of ``train`` and, the last fifth by number, ``test``."""
    first = count - round(_TEST_SHARE * count)
    return {"train": torch.arange(first), "test": torch.arange(first, count)}


def own_splits(
    paths: Sequence[Path],
    labels: Tensor,
    groups: Mapping[str, Tensor],
    *,
    classes: tuple[str, ...],
    size: int | tuple[int, int],
    masks: Sequence[Path] | None,
    fixations: str | Path | None,
    root: Path,
    **options: Any,
) -> DataSplits:
    """Splits of the user's own images, cut to the centre.

    Args:
        paths: all images.
        labels: of all images: class index (N,) or multi-label targets (N,n).
        groups: positions of each split.
        classes: class names.
        size: height and width, or one number for both.
        masks: of all images, or None.
        fixations: CSV file; see `own_gaze`.
        root: folder that image names are relative to.
        options: of `file_splits`.
    """
    gaze = None if fixations is None else own_gaze(fixations, paths, root, as_size(size))
    splits, readers = {}, {}
    for name, index in groups.items():
        places = index.tolist()
        split = FileSplit(
            name,
            classes,
            tuple(paths[i] for i in places),
            labels[index],
            as_size(size),
            None if masks is None else tuple(masks[i] for i in places),
        )
        splits[name] = split
        if gaze is not None:
            splits[name], readers[name] = gaze.on(split)
    return file_splits(splits, licence="the user's own", gaze=readers.get("test"), **options)


def whole_splits(
    images: Sequence[Path],
    groups: Mapping[str, Tensor],
    *,
    class_name: str,
    size: int | tuple[int, int],
    val_share: float,
    seed: int,
    where: Path,
    masks: Sequence[Path] | None = None,
    mask_level: float | None = None,
    gaze: Fixations | None = None,
    held_out: int = 0,
    **options: Any,
) -> DataSplits:
    """Splits of whole images of one class, stretched to ``size``, with masks and gaze where there are any.

    Args:
        images: all images.
        groups: positions of the given splits; ``val`` is taken out of ``train`` where it is missing.
        class_name: name of the one class.
        size: height and width, or one number for both.
        val_share: of the training images.
        seed: decides which.
        where: file or folder, for errors.
        masks: of all images, or None.
        mask_level: of graded masks; see `FileSplit`.
        gaze: fixations on (some of) the images, by their files' names, in their files' pixels.
        held_out: number of observers whose gaze is used on the test split alone, as in `observer_split`.
        options: of `file_splits`.
    """
    shape = as_size(size)
    labels = torch.zeros(len(images)).long()
    groups = complete(groups, labels, {"val": val_share}, seed=seed, where=where)
    learned, judged = (None, None) if gaze is None else observer_split(gaze, held_out)
    splits, tables = {}, {}
    for name, index in groups.items():
        places = index.tolist()
        table = judged if name == "test" else learned
        if table is not None:
            tables[name] = stretch_gaze(table, [images[i].name for i in places], shape)
        splits[name] = FileSplit(
            name,
            (class_name,),
            tuple(images[i] for i in places),
            labels[index],
            shape,
            masks=None if masks is None else tuple(masks[i] for i in places),
            mask_level=mask_level,
            windows=torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(len(index), -1),
            fixations=points_of(tables[name]) if tables else None,
        )
    return file_splits(splits, gaze=table_reader(tables["test"]) if tables else None, **options)
