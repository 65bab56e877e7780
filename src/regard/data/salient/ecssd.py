"""ECSSD: 1,000 images of one salient object each on a structured ground, binary masks (Shi et al., TPAMI 2016)."""

from __future__ import annotations

from pathlib import Path

from regard.data.salient.build import find_folder, last_as_test, pairs, salient_splits
from regard.data.splits import DataSplits

LICENCE = "no explicit licence; for research, with citation"


def ecssd(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = True,
) -> DataSplits:
    """ECSSD from ``images/NNNN.jpg`` and ``ground_truth_mask/NNNN.png`` (or ``masks/NNNN.png``).

    There is no official split: the last 200 images by number are the test split here.

    Args:
        root: the folder that holds the two, or the one in which it is called ``ecssd`` or ``ECSSD``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the other images for validation.
        seed: decides which.
        in_memory: read all images now: 200 kB an image of 224 pixels.
    """
    folder = find_folder(Path(root), "ecssd", "ECSSD", holds="images", name="ecssd")
    masks = folder / "ground_truth_mask"
    found = pairs(folder / "images", masks if masks.is_dir() else folder / "masks")
    return salient_splits(
        found,
        last_as_test(len(found)),
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"ECSSD (Shi et al. 2016), {len(found)} images, {folder}",
        licence=LICENCE,
        where=folder,
    )
