"""CUB-200-2011: 200 kinds of birds with boxes and 15 named parts, and CUB-GHA's gaze of people telling them apart.

Wah et al., *The Caltech-UCSD Birds-200-2011 Dataset*, CNS-TR-2011-001; Rong et al., *Human Attention in Fine-grained
Classification*, BMVC 2021.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from regard.data.cub_tables import find_cub, read_cub_tables
from regard.data.cut_gaze import cut_gaze, points_of
from regard.data.files import FileSplit, as_size, file_splits
from regard.data.splits import DataSplits
from regard.data.stratify import complete
from regard.data.windows import boxes_through, cover_windows, object_windows, parts_through
from regard.types import RegardError

LICENCE = "images belong to their photographers on Flickr; non-commercial research and education only"


def cub(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    crop: bool = False,
    margin: float = 0.1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    gaze: bool = True,
) -> DataSplits:
    """CUB-200-2011 in its official layout, or a subset of its classes with annotations in one folder.

    Args:
        root: the folder ``CUB_200_2011`` or ``cub50``, or the one it lies in.
        size: height and width of the images, or one number for both.
        crop: cut to the bird's box, as fine-grained papers do; otherwise to the centre of the image.
        margin: around the box, as a share of its longer side; only with ``crop``.
        val_share: share of each class's training images for validation; the test split is the official one.
        seed: decides which.
        in_memory: read all images now: 150 kB an image of 224 pixels.
        gaze: also read CUB-GHA, if it lies beside them. Its viewings name no observers, so none can be held out.

    Returns:
        Splits with boxes and parts (P=15, in the order of CUB's list) in pixels of the images, cut at their border;
        with gaze also fixations in these pixels, those outside left out, and ``gaze`` of the test images (`Fixations`).
    """
    folder = find_cub(Path(root))
    if not 0 <= margin <= 1:
        raise RegardError(f"cub: margin={margin}; use a share of the box's side from 0 to 1")
    height, width = as_size(size)
    if min(height, width) < 1:
        raise RegardError(f"cub: size={size}; use at least 1 pixel")
    tables = read_cub_tables(folder)
    shape = (height, width)
    windows = (
        object_windows(tables.boxes, tables.sizes, shape, margin=margin) if crop else cover_windows(tables.sizes, shape)
    )
    groups = {"train": tables.official_train.nonzero()[:, 0], "test": (~tables.official_train).nonzero()[:, 0]}
    if not len(groups["test"]):
        raise RegardError(f"{folder}: the official split leaves no test image; put all of CUB's files there")
    groups = complete(groups, tables.labels, {"val": val_share}, seed=seed, where=folder)
    boxes = boxes_through(tables.boxes, windows, shape)
    points = parts_through(tables.parts, windows, shape)
    table = None
    if gaze and tables.gaze is not None:
        from regard.gaze.readers.cub_gha import read_cub_gha

        table = read_cub_gha(tables.gaze)
    looked = {
        name: cut_gaze(table, {tables.ids[i]: k for k, i in enumerate(index.tolist())}, windows[index], shape)
        for name, index in groups.items()
        if table is not None
    }
    shares = (windows / tables.sizes.repeat(1, 2)).clamp(0, 1)
    splits = {
        name: FileSplit(
            name,
            tables.classes,
            tuple(tables.paths[i] for i in index.tolist()),
            tables.labels[index],
            shape,
            windows=shares[index],
            boxes=boxes[index],
            parts=points[index],
            fixations=points_of(looked[name]) if name in looked else None,
        )
        for name, index in groups.items()
    }
    return file_splits(
        splits,
        source=f"CUB-200-2011 (Wah et al. 2011), {len(tables.classes)} classes, {folder}",
        licence=LICENCE,
        in_memory=in_memory,
        gaze=partial(looked.__getitem__, "test") if looked else None,
    )
