"""PASCAL-S: 850 images with graded masks (share of 12 people who chose an object) and gaze (Li et al., CVPR 2014)."""

from __future__ import annotations

from pathlib import Path

from regard.data.salient.build import find_folder, last_as_test, pairs, salient_splits
from regard.data.splits import DataSplits

LICENCE = "no explicit licence (images of PASCAL VOC 2010); for research, with citation"
LEVEL = 0.5
"""From which share on a pixel is salient; customary, though the authors tried several."""


def pascal_s(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    gaze: bool = True,
    held_out: int = 0,
) -> DataSplits:
    """PASCAL-S from the folder ``datasets`` of salObj.zip: ``imgs/pascal/N.jpg``, ``masks/pascal/N.png``.

    There is no official split: the last 170 images by number are the test split here.

    Args:
        root: the folder ``datasets``, or the one it lies in.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the other images for validation.
        seed: decides which.
        in_memory: read all images now.
        gaze: also read ``fixations/pascalFix.mat``, if it is there (needs h5py).
        held_out: so many observers, the last, look at test images only, and only they do.
    """
    folder = find_folder(Path(root), "datasets", "pascal_s/datasets", holds="imgs/pascal", name="pascal_s")
    found = pairs(folder / "imgs" / "pascal", folder / "masks" / "pascal")
    table = None
    if gaze and (folder / "fixations" / "pascalFix.mat").exists():
        from regard.gaze.readers.pascal_s import read_pascal_s

        table = read_pascal_s(folder)
    return salient_splits(
        found,
        last_as_test(len(found)),
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"PASCAL-S (Li et al. 2014), {len(found)} images, {folder}",
        licence=LICENCE,
        where=folder,
        level=LEVEL,
        gaze=table,
        held_out=held_out,
    )
