"""DUT-OMRON: 5,168 images, masks agreed on by 5 people, and the gaze of 5 others (Yang et al., CVPR 2013)."""

from __future__ import annotations

from pathlib import Path

from regard.data.salient.build import find_folder, last_as_test, pairs, salient_splits
from regard.data.splits import DataSplits

LICENCE = "no explicit licence; for research, with citation"


def dut_omron(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    gaze: bool = True,
    held_out: int = 0,
) -> DataSplits:
    """DUT-OMRON from ``DUT-OMRON-image/*.jpg`` and ``pixelwiseGT-new-PNG/*.png``.

    There is no official split: the last fifth by number is the test split here.

    Args:
        root: the folder that holds the two, or the one in which it is called ``DUT-OMRON``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the other images for validation.
        seed: decides which.
        in_memory: read all images now.
        gaze: also read ``DUT-OMRON-eye-fixations/mat``, if it is there.
        held_out: so many observers, the last, look at test images only, and only they do.
    """
    folder = find_folder(Path(root), "DUT-OMRON", "dut_omron", holds="DUT-OMRON-image", name="dut_omron")
    found = pairs(folder / "DUT-OMRON-image", folder / "pixelwiseGT-new-PNG")
    looked = folder / "DUT-OMRON-eye-fixations" / "mat"
    table = None
    if gaze and looked.is_dir():
        from regard.gaze.readers.dut_omron import read_dut_omron

        table = read_dut_omron(looked)
    return salient_splits(
        found,
        last_as_test(len(found)),
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"DUT-OMRON (Yang et al. 2013), {len(found)} images, {folder}",
        licence=LICENCE,
        where=folder,
        gaze=table,
        held_out=held_out,
    )
