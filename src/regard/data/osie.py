"""OSIE: 700 everyday scenes with the fixations of 15 people in 3 seconds (Xu et al., Journal of Vision 2014)."""

from __future__ import annotations

from pathlib import Path

from regard.data.files import find_folder
from regard.data.image_sets import last_as_test, whole_splits
from regard.data.splits import DataSplits
from regard.gaze import natural, read_osie

OSIE_LICENCE = "MIT"


def osie(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = True,
    held_out: int = 0,
) -> DataSplits:
    """OSIE from ``images/*.jpg`` and ``fixations.csv`` (or ``fixations.mat``): fixations, but no masks and no labels.

    For attention that is aligned with people (``align.gaze`` in a recipe). There is no official split: the last 140
    images by number are the test split here.

    Args:
        root: the folder that holds the two, or the one in which it is called ``osie``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the other images for validation.
        seed: decides which.
        in_memory: read all images now: 150 kB per image of 224 pixels.
        held_out: number of observers, the last, whose gaze is used on the test split alone.
    """
    folder = find_folder(Path(root), "osie", "OSIE", holds="images", name="osie")
    table = read_osie(folder)
    names = sorted(table.images, key=natural)
    return whole_splits(
        [folder / "images" / name for name in names],
        last_as_test(len(names)),
        class_name="scene",
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"OSIE (Xu et al. 2014), {len(names)} images, {folder}",
        licence=OSIE_LICENCE,
        where=folder,
        gaze=table,
        held_out=held_out,
    )
