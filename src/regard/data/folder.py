"""Any folder of images by class.

Either ``ROOT/CLASS/image`` or ``ROOT/train/CLASS/image`` with ``val`` and ``test`` beside ``train``; what is missing of
the two is taken from the training images by a seed, each class in proportion.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from regard.data.crops import own_gaze
from regard.data.files import FileSplit, as_size, file_splits
from regard.data.reading import IMAGE_SUFFIXES
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
        root: the folder. Names of subfolders are the classes, sorted; hidden files and files that are no images by
            their ending are passed over.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        masks: folder with an object mask for every image at the same relative path, its ending apart
            (``MASKS/CLASS/0001.png`` for ``ROOT/CLASS/0001.jpg``; with ``ROOT/train``, ``MASKS/train/CLASS/0001.png``).
        fixations: CSV file of where people looked: image, x, y (pixels of the file) and, if known, subject, order,
            duration. It names an image by its path below ``root``, or by the file's name where only one has it.
        val_share: share of the training images for validation where there is no ``val`` folder.
        test_share: likewise for test.
        seed: decides which.
        in_memory: read all images now.
        mirror: whether a mirrored image keeps its class.
    """
    root = Path(root)
    _folder(root, "image folder")
    given = {name: root / name for name in ("train", "val", "test") if (root / name).is_dir()}
    if "train" not in given:
        if given:
            raise RegardError(f"{root}: has {sorted(given)} but no 'train'; add it, or rename folders that are classes")
        given = {"train": root}
    aside = () if masks is None else (Path(masks),)
    classes = tuple(sorted(p.name for p in _folders(given["train"]) if all(p.resolve() != m.resolve() for m in aside)))
    if len(classes) < 2:
        raise RegardError(f"{given['train']}: {len(classes)} class folders; at least 2 are needed, one a class")
    found = {name: _images(path, classes, strict=name != "train") for name, path in given.items()}
    paths = [path for own, _ in found.values() for path in own]
    labels = torch.cat([own for _, own in found.values()])
    lengths = [len(own) for _, own in found.values()]
    groups = dict(zip(found, torch.arange(len(paths)).split(lengths), strict=True))
    groups = complete(groups, labels, {"val": val_share, "test": test_share}, seed=seed, where=root)
    looked = None if fixations is None else own_gaze(fixations, paths, root, as_size(size))
    splits, tables = {}, {}
    for name, index in groups.items():
        own = tuple(paths[i] for i in index.tolist())
        own_masks = None if masks is None else _masks(own, root, Path(masks))
        splits[name] = FileSplit(name, classes, own, labels[index], as_size(size), own_masks)
        if looked is not None:
            splits[name], tables[name] = looked.on(splits[name])
    return file_splits(
        splits,
        source=f"images in {root}",
        licence="the user's own",
        in_memory=in_memory,
        mirror=mirror,
        gaze=tables.get("test"),
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


def _masks(paths: tuple[Path, ...], root: Path, masks: Path) -> tuple[Path, ...]:
    _folder(masks, "masks folder")
    at_hand = {p.relative_to(masks).with_suffix(""): p for p in masks.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES}
    wanted = [p.relative_to(root).with_suffix("") for p in paths]
    absent = [p for p, stem in zip(paths, wanted, strict=True) if stem not in at_hand]
    if absent:
        raise RegardError(
            f"{masks}: no mask for {len(absent)} of {len(paths)} images, the first {absent[0]}; "
            f"save it as {masks / absent[0].relative_to(root).with_suffix('.png')}"
        )
    return tuple(at_hand[stem] for stem in wanted)


def _folders(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."]


def _folder(path: Path, what: str) -> None:
    if not path.is_dir():
        raise RegardError(f"{path}: no such {what}; correct the path")
