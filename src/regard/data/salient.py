"""Sets of whole images with masks of salient objects, gaze, or both, in the layouts in which they are published.

* ECSSD: 1,000 images of one salient object each on a structured background, binary masks (Shi et al., TPAMI 2016).
* DUT-OMRON: 5,168 images, masks agreed on by 5 people, gaze of 5 others (Yang et al., CVPR 2013).
* DUTS: 10,553 training and 5,019 test images with binary masks, the usual training set (Wang et al., CVPR 2017).
* HKU-IS: 4,447 images, mostly of several salient objects, binary masks (Li and Yu, CVPR 2015).
* PASCAL-S: 850 images with graded masks (share of 12 people who chose an object) and gaze (Li et al., CVPR 2014).
* OSIE: 700 everyday scenes with the fixations of 15 people in 3 seconds, no masks (Xu et al., Journal of Vision 2014).

Images are stretched to the size asked for, so that no part of an object is cut off. There is one class; the mask is
what is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.data.files import FileSplit, as_size, file_splits, find_folder, image_files
from regard.data.gaze import observers_of, points_of, stretch_gaze
from regard.data.membership import DataRecord, keep_items
from regard.data.splits import DataSplits, complete
from regard.gaze import Fixations, load_mat, natural, read_dut_omron, read_osie, read_pascal_s
from regard.listing import Names
from regard.types import RegardError

_Pairs = dict[str, tuple[Path, Path]]
"""Name of an image's file -> the file and its mask's, in the order of numbers in names."""
OSIE_LICENCE = "MIT"
_TEST_SHARE = 0.2
"""The last fifth, by number, is the test split of sets that are published without one: ECSSD's last 200 images."""
_HKU_IS_LISTS = {"train": "trainImgSet", "val": "valImgSet", "test": "testImgSet"}


@dataclass(frozen=True)
class SalientLayout:
    """Where a set keeps its files.

    Attributes:
        title: name and paper, for `DataSplits.source`.
        licence: the terms of use.
        folders: names that the set's folder may have below the root.
        parts: folder of images -> folder of masks; below the set's folder.
        mask_level: share of 255 from which on a graded mask is object.
        gaze: file or folder of fixations, and what reads it; None where none were recorded.
    """

    title: str
    licence: str
    folders: tuple[str, ...]
    parts: dict[str, str]
    mask_level: float | None = None
    gaze: tuple[str, Callable[[Path], Fixations]] | None = None


SALIENT: dict[str, SalientLayout] = {
    "ecssd": SalientLayout(
        "ECSSD (Shi et al. 2016)",
        "no explicit licence; for research, with citation",
        ("ecssd", "ECSSD"),
        {"images": "ground_truth_mask"},
    ),
    "pascal_s": SalientLayout(
        "PASCAL-S (Li et al. 2014)",
        "no explicit licence (images of PASCAL VOC 2010); for research, with citation",
        ("datasets", "pascal_s/datasets"),
        {"imgs/pascal": "masks/pascal"},
        mask_level=0.5,  # customary, though the authors tried several
        gaze=("fixations/pascalFix.mat", lambda path: read_pascal_s(path.parent.parent)),
    ),
    "dut_omron": SalientLayout(
        "DUT-OMRON (Yang et al. 2013)",
        "no explicit licence; for research, with citation",
        ("DUT-OMRON", "dut_omron"),
        {"DUT-OMRON-image": "pixelwiseGT-new-PNG"},
        gaze=("DUT-OMRON-eye-fixations/mat", read_dut_omron),
    ),
    "duts": SalientLayout(
        "DUTS (Wang et al. 2017)",
        "no explicit licence (images of ImageNet and SUN); for research, with citation",
        ("DUTS",),
        {"DUTS-TR/DUTS-TR-Image": "DUTS-TR/DUTS-TR-Mask", "DUTS-TE/DUTS-TE-Image": "DUTS-TE/DUTS-TE-Mask"},
    ),
    "hku_is": SalientLayout(
        "HKU-IS (Li and Yu 2015)",
        "no explicit licence; for research, with citation",
        ("HKU-IS", "hku_is"),
        {"imgs": "gt"},
    ),
}
"""Name -> layout."""


def salient_set(
    name: str,
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    gaze: bool = True,
    held_out: int = 0,
    record: DataRecord | None = None,
) -> DataSplits:
    """One of `SALIENT`.

    DUTS has an official split, HKU-IS as well where its lists ``trainImgSet.mat``, ``valImgSet.mat`` and
    ``testImgSet.mat`` lie beside the two folders; of the others the last fifth by number is the test split.

    Args:
        name: key of `SALIENT`.
        root: the set's folder, or its parent folder if it has one of its usual names.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the training images for validation, where there is no official one.
        seed: decides which.
        in_memory: read all images now: 200 kB per image of 224 pixels.
        gaze: also read the fixations, where they were recorded and are at hand (PASCAL-S needs h5py).
        held_out: number of observers, the last, whose gaze is used on the test split alone.
        record: of a run; its splits and observers are kept, whatever was added since.

    Raises:
        RegardError: a folder or a mask is missing, or observers are held out of a set without gaze.
    """
    layout = SALIENT[name]
    if held_out and layout.gaze is None:
        raise RegardError(f"{name}: held_out={held_out}, but the set has no gaze; leave it at 0")
    folder = find_folder(Path(root), *layout.folders, holds=next(iter(layout.parts)), name=name)
    parts = [(folder / images, _masks_folder(folder, masks)) for images, masks in layout.parts.items()]
    pairs = [_pairs(images, masks, every=record is None) for images, masks in parts]
    files = {file: pair for part in pairs for file, pair in part.items()}
    title = f"{layout.title}, {len(files)} images"
    if len(pairs) == 2:
        train, test = pairs
        if set(train) & set(test):
            raise RegardError(f"{folder}: {min(set(train) & set(test))} lies in DUTS-TR and in DUTS-TE; remove one")
        groups = {"train": torch.arange(len(train)), "test": torch.arange(len(train), len(files))}
        title = f"{layout.title}, {len(train)} and {len(test)} images"
    elif name == "hku_is":
        official = all((folder / f"{variable}.mat").exists() for variable in _HKU_IS_LISTS.values())
        groups = _official(folder, list(files)) if official else _last_as_test(len(files))
        title += f", {'official' if official else 'own'} split"
    else:
        groups = _last_as_test(len(files))
    table = None
    if gaze and layout.gaze is not None and (folder / layout.gaze[0]).exists():
        table = layout.gaze[1](folder / layout.gaze[0])
    return _whole_splits(
        [image for image, _ in files.values()],
        groups,
        class_name="salient object",
        size=size,
        val_share=val_share,
        seed=seed,
        where=folder,
        masks=[mask for _, mask in files.values()],
        mask_level=layout.mask_level,
        gaze=table,
        held_out=held_out,
        record=record,
        in_memory=in_memory,
        source=f"{title}, {folder}",
        licence=layout.licence,
    )


def osie(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = True,
    held_out: int = 0,
    record: DataRecord | None = None,
) -> DataSplits:
    """OSIE from ``images/*.jpg`` and ``fixations.csv`` (or ``fixations.mat``): fixations, but no masks and no labels.

    For attention that is aligned with people (``align.gaze`` in a recipe). There is no official split: the last 140
    images by number are the test split here.

    Args:
        root: the folder that holds the two, or its parent folder if its name is ``osie``.
        size: height and width of the images, or one number for both; the whole image is stretched to it.
        val_share: share of the other images for validation.
        seed: decides which.
        in_memory: read all images now: 150 kB per image of 224 pixels.
        held_out: number of observers, the last, whose gaze is used on the test split alone.
        record: of a run; its splits and observers are kept, whatever was added since.
    """
    folder = find_folder(Path(root), "osie", "OSIE", holds="images", name="osie")
    table = read_osie(folder)
    names = sorted(table.images, key=natural)
    return _whole_splits(
        [folder / "images" / name for name in names],
        _last_as_test(len(names)),
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
        record=record,
    )


def _masks_folder(folder: Path, name: str) -> Path:
    """ECSSD's masks are also distributed in a folder ``masks``."""
    return folder / ("masks" if name == "ground_truth_mask" and not (folder / name).is_dir() else name)


def _pairs(images: Path, masks: Path, *, every: bool) -> _Pairs:
    """Every image with the mask of the same name but for the suffix; ``every`` image must have one, else that of one
    without is a file that is not there.
    """
    files, mask_files = image_files(images), {path.name: path for path in image_files(masks)}
    mask_of = Names(mask_files).find_all(path.name for path in files)
    absent = [path.name for path in files if path.name not in mask_of]
    if absent and every:
        raise RegardError(f"{masks}: no mask for {len(absent)} of {len(files)} images, the first {absent[0]}; add it")
    mask_files |= {name: masks / name for name in absent}
    return {path.name: (path, mask_files[mask_of.get(path.name, path.name)]) for path in files}


def _official(folder: Path, names: list[str]) -> dict[str, Tensor]:
    """Positions of the images that HKU-IS's lists name: a MATLAB cell of strings per split."""
    place = {name: k for k, name in enumerate(names)}
    groups = {}
    for split, variable in _HKU_IS_LISTS.items():
        path = folder / f"{variable}.mat"
        listed = [str(name) for name in np.atleast_1d(load_mat(path, variable)[variable]).ravel()]
        unknown = [name for name in listed if name not in place]
        if unknown:
            raise RegardError(
                f"{path}: lists {len(unknown)} images that are not in imgs/, such as {unknown[0]}; add them"
            )
        groups[split] = torch.tensor([place[name] for name in listed])
    return groups


def _last_as_test(count: int) -> dict[str, Tensor]:
    """Positions of ``train`` and, the last fifth by number, ``test``."""
    first = count - round(_TEST_SHARE * count)
    return {"train": torch.arange(first), "test": torch.arange(first, count)}


def _whole_splits(
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
    record: DataRecord | None = None,
    **options: Any,
) -> DataSplits:
    """Splits of whole images of one class, stretched to ``size``, with masks and gaze where there are any.

    ``groups`` are the positions of the given splits; ``val`` is taken out of ``train`` where it is missing. ``gaze``
    names images by their files' names, in the files' pixels; that of the last ``held_out`` observers is used on the
    test split alone (`observers_of`). ``options`` are those of `file_splits`, ``where`` is named in errors.
    """
    shape = as_size(size)
    labels = torch.zeros(len(images)).long()
    remarks: tuple[str, ...] = ()
    if record is None:
        groups = complete(groups, labels, {"val": val_share}, seed=seed, where=where)
    else:
        files = [(image,) for image in images] if masks is None else list(zip(images, masks, strict=True))
        kept = keep_items(record, files, [(class_name,)] * len(images), where=where)
        groups, remarks = dict(kept.groups), kept.remarks
    learned, judged = (None, None) if gaze is None else observers_of(gaze, held_out, record)
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
    observers = {"learned": learned, "judged": judged} if held_out else {}
    return file_splits(
        splits,
        gaze=tables.get("test"),
        where=where,
        remarks=remarks,
        observers={name: table.subjects for name, table in observers.items() if table is not None},
        **options,
    )
