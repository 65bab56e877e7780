"""ECSSD: 1,000 images of one salient object each on a structured ground, binary masks (Shi et al., TPAMI 2016).

DUT-OMRON: 5,168 images, masks agreed on by 5 people, and the gaze of 5 others (Yang et al., CVPR 2013).

DUTS: 10,553 training and 5,019 test images with binary masks, the usual training set (Wang et al., CVPR 2017).

HKU-IS: 4,447 images, mostly of several salient objects, binary masks (Li and Yu, CVPR 2015).

PASCAL-S: 850 images with graded masks (share of 12 people who chose an object) and gaze (Li et al., CVPR 2014).

What the catalog says of the sets of salient objects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.data.salient.build import Pairs, find_folder, last_as_test, pairs, salient_splits
from regard.data.splits import DataSplits
from regard.types import RegardError

ECSSD_LICENCE = "no explicit licence; for research, with citation"


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
        licence=ECSSD_LICENCE,
        where=folder,
    )


DUT_OMRON_LICENCE = "no explicit licence; for research, with citation"


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
        from regard.gaze import read_dut_omron

        table = read_dut_omron(looked)
    return salient_splits(
        found,
        last_as_test(len(found)),
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"DUT-OMRON (Yang et al. 2013), {len(found)} images, {folder}",
        licence=DUT_OMRON_LICENCE,
        where=folder,
        gaze=table,
        held_out=held_out,
    )


DUTS_LICENCE = "no explicit licence (images of ImageNet and SUN); for research, with citation"
_PARTS = ("DUTS-TR", "DUTS-TE")


def duts(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
) -> DataSplits:
    """DUTS from ``DUTS-TR/DUTS-TR-{Image,Mask}`` and ``DUTS-TE/DUTS-TE-{Image,Mask}``; the split is the official one.

    Args:
        root: the folder that holds the two, or the one in which it is called ``DUTS``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the training images for validation.
        seed: decides which.
        in_memory: read all images now.
    """
    folder = find_folder(Path(root), "DUTS", "duts", holds="DUTS-TR", name="duts")
    train, test = (pairs(folder / part / f"{part}-Image", folder / part / f"{part}-Mask") for part in _PARTS)
    if set(train) & set(test):
        raise RegardError(f"{folder}: {min(set(train) & set(test))} lies in DUTS-TR and in DUTS-TE; remove one")
    groups = {"train": torch.arange(len(train)), "test": torch.arange(len(train), len(train) + len(test))}
    return salient_splits(
        train | test,
        groups,
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"DUTS (Wang et al. 2017), {len(train)} and {len(test)} images, {folder}",
        licence=DUTS_LICENCE,
        where=folder,
    )


HKU_IS_LICENCE = "no explicit licence; for research, with citation"
LISTS = {"train": "trainImgSet", "val": "valImgSet", "test": "testImgSet"}


def hku_is(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
) -> DataSplits:
    """HKU-IS from ``imgs/*.png`` and ``gt/*.png``.

    The split is the official one (2,500 / 500 / 1,447) where its lists ``trainImgSet.mat``, ``valImgSet.mat`` and
    ``testImgSet.mat`` lie beside the two folders; without them the last fifth by number is the test split.

    Args:
        root: the folder that holds them, or the one in which it is called ``HKU-IS``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the training images for validation, where there is no official one.
        seed: decides which.
        in_memory: read all images now.
    """
    folder = find_folder(Path(root), "HKU-IS", "hku_is", holds="imgs", name="hku_is")
    found = pairs(folder / "imgs", folder / "gt")
    official = all((folder / f"{name}.mat").exists() for name in LISTS.values())
    groups = (
        {split: _listed(folder / f"{name}.mat", name, found) for split, name in LISTS.items()}
        if official
        else last_as_test(len(found))
    )
    return salient_splits(
        found,
        groups,
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"HKU-IS (Li and Yu 2015), {len(found)} images, {'official' if official else 'own'} split, {folder}",
        licence=HKU_IS_LICENCE,
        where=folder,
    )


def _listed(path: Path, variable: str, found: Pairs) -> Tensor:
    """Positions of the images whose names a list holds: a MATLAB cell of strings."""
    from regard.gaze import load_mat

    place = {name: k for k, name in enumerate(found)}
    names = [str(name) for name in np.atleast_1d(load_mat(path, variable)[variable]).ravel()]
    unknown = [name for name in names if name not in place]
    if unknown:
        raise RegardError(f"{path}: lists {len(unknown)} images that are not in imgs/, such as {unknown[0]}; add them")
    return torch.tensor([place[name] for name in names])


PASCAL_S_LICENCE = "no explicit licence (images of PASCAL VOC 2010); for research, with citation"
_LEVEL = 0.5
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
        from regard.gaze import read_pascal_s

        table = read_pascal_s(folder)
    return salient_splits(
        found,
        last_as_test(len(found)),
        size=size,
        val_share=val_share,
        seed=seed,
        in_memory=in_memory,
        source=f"PASCAL-S (Li et al. 2014), {len(found)} images, {folder}",
        licence=PASCAL_S_LICENCE,
        where=folder,
        level=_LEVEL,
        gaze=table,
        held_out=held_out,
    )


SALIENT: tuple[dict[str, Any], ...] = (
    {
        "name": "ecssd",
        "description": "One salient object an image on a structured ground, binary masks.",
        "content": "800 / 200 (the last by number; no official split), masks; any size",
        "source": "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html, unpacked in the root",
        "licence": ECSSD_LICENCE,
        "homepage": "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
        "citation": "J. Shi et al.: Hierarchical Image Saliency Detection on Extended CSSD, TPAMI 38, 2016",
        "open": ecssd,
    },
    {
        "name": "pascal_s",
        "description": "Salient objects of everyday scenes, graded masks cut at one half, gaze of 12 people.",
        "content": "680 / 170 (the last by number; no official split), masks, gaze; any size",
        "source": "salObj.zip of the authors, unpacked in the root",
        "licence": PASCAL_S_LICENCE,
        "homepage": "http://cbs.ic.gatech.edu/salobj/",
        "citation": "Y. Li et al.: The Secrets of Salient Object Segmentation, CVPR 2014",
        "open": pascal_s,
    },
    {
        "name": "dut_omron",
        "description": "Salient objects on complex ground, binary masks, gaze of 5 people.",
        "content": "4,134 / 1,034 (the last by number; no official split), masks, gaze; any size",
        "source": "http://saliencydetection.net/dut-omron/ (images, masks, eye fixations), unpacked in the root",
        "licence": DUT_OMRON_LICENCE,
        "homepage": "http://saliencydetection.net/dut-omron/",
        "citation": "C. Yang et al.: Saliency Detection via Graph-Based Manifold Ranking, CVPR 2013",
        "open": dut_omron,
    },
    {
        "name": "duts",
        "description": "The usual training set of salient object detection, binary masks.",
        "content": "10,553 / 5,019 (official), masks; any size",
        "source": "http://saliencydetection.net/duts/ (DUTS-TR and DUTS-TE), unpacked in the root",
        "licence": DUTS_LICENCE,
        "homepage": "http://saliencydetection.net/duts/",
        "citation": "L. Wang et al.: Learning to Detect Salient Objects with Image-level Supervision, CVPR 2017",
        "open": duts,
    },
    {
        "name": "hku_is",
        "description": "Images of several salient objects, binary masks.",
        "content": "2,500 / 500 / 1,447 (official), masks; any size",
        "source": "https://i.cs.hku.hk/~gbli/deep_saliency.html, unpacked in the root",
        "licence": HKU_IS_LICENCE,
        "homepage": "https://i.cs.hku.hk/~gbli/deep_saliency.html",
        "citation": "G. Li, Y. Yu: Visual Saliency Based on Multiscale Deep Features, CVPR 2015",
        "open": hku_is,
    },
)
