"""Any folder of images by class.

Either ``ROOT/CLASS/image`` or ``ROOT/train/CLASS/image`` with ``val`` and ``test`` beside ``train``; what is missing of
the two is taken from the training images by a seed, each class in proportion.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from regard.data.files import IMAGE_SUFFIXES
from regard.data.image_sets import own_splits
from regard.data.splits import DataSplits
from regard.data.stratify import complete
from regard.types import RegardError


def image_folder(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    masks: str | Path | None = None,
    fixations: str | Path | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    mirror: bool = True,
) -> DataSplits:
    """A folder of images by class.

    Args:
        root: the folder. Names of subfolders are the classes, sorted; hidden files and files without the suffix of an
            image are ignored.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        masks: folder with an object mask for every image at the same relative path but for the suffix
            (``MASKS/CLASS/0001.png`` for ``ROOT/CLASS/0001.jpg``; with ``ROOT/train``, ``MASKS/train/CLASS/0001.png``).
        fixations: CSV file of fixations: image, x, y (pixels of the file) and, if known, subject, order,
            duration. It names an image by its path below ``root``, or by the file's name where only one has it.
        val_share: share of the training images for validation where there is no ``val`` folder.
        test_share: likewise for test.
        seed: decides which.
        in_memory: read all images now.
        mirror: whether a mirrored image keeps its class.
    """
    root = Path(root)
    _folder(root, "image folder")
    folders = {name: root / name for name in ("train", "val", "test") if (root / name).is_dir()}
    if "train" not in folders:
        if folders:
            raise RegardError(
                f"{root}: has {sorted(folders)} but no 'train'; add it, or rename folders that are classes"
            )
        folders = {"train": root}
    masks_folder = None if masks is None else Path(masks).resolve()
    classes = tuple(sorted(p.name for p in _folders(folders["train"]) if p.resolve() != masks_folder))
    if len(classes) < 2:
        raise RegardError(f"{folders['train']}: {len(classes)} class folders; at least 2 are needed, one per class")
    images = {name: _images(path, classes, strict=name != "train") for name, path in folders.items()}
    paths = [path for own, _ in images.values() for path in own]
    labels = torch.cat([own for _, own in images.values()])
    lengths = [len(own) for _, own in images.values()]
    groups = dict(zip(images, torch.arange(len(paths)).split(lengths), strict=True))
    groups = complete(groups, labels, {"val": val_share, "test": test_share}, seed=seed, where=root)
    return own_splits(
        paths,
        labels,
        groups,
        classes=classes,
        size=size,
        masks=None if masks is None else _masks(paths, root, Path(masks)),
        fixations=fixations,
        root=root,
        source=f"images in {root}",
        in_memory=in_memory,
        mirror=mirror,
    )


def _images(folder: Path, classes: tuple[str, ...], *, strict: bool) -> tuple[list[Path], Tensor]:
    """Image files below the class folders, sorted, and their labels."""
    unknown = sorted({p.name for p in _folders(folder)} - set(classes))
    if strict and unknown:
        raise RegardError(
            f"{folder / unknown[0]}: no such class in the training folder ({', '.join(classes)}); rename it"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        own = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != ".")
        if not own:
            raise RegardError(
                f"{folder / name}: no images in this class; add some ({', '.join(IMAGE_SUFFIXES)}) or remove it"
            )
        paths += own
        labels += [label] * len(own)
    return paths, torch.tensor(labels)


def _masks(paths: list[Path], root: Path, masks: Path) -> list[Path]:
    _folder(masks, "masks folder")
    mask_of = {p.relative_to(masks).with_suffix(""): p for p in masks.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES}
    stems = [p.relative_to(root).with_suffix("") for p in paths]
    absent = [p for p, stem in zip(paths, stems, strict=True) if stem not in mask_of]
    if absent:
        raise RegardError(
            f"{masks}: no mask for {len(absent)} of {len(paths)} images, the first {absent[0]}; "
            f"save it as {masks / absent[0].relative_to(root).with_suffix('.png')}"
        )
    return [mask_of[stem] for stem in stems]


def _folders(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."]


def _folder(path: Path, what: str) -> None:
    if not path.is_dir():
        raise RegardError(f"{path}: no such {what}; correct the path")
