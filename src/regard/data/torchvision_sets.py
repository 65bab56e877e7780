"""CIFAR-10, CIFAR-100, SVHN, STL-10 and Fashion-MNIST through torchvision's readers, in memory, checksums verified."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.data.splits import DataSplits, TensorSplit, pixel_statistics, stratified
from regard.types import RegardError

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Over all pixels of the 50,000 training images; so are CIFAR-100's."""
CIFAR100_MEAN, CIFAR100_STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)


@dataclass(frozen=True)
class _Reader:
    """How torchvision reads a set.

    Attributes:
        read: name of torchvision's class.
        folder: a file or folder by which the set's folder is recognised.
        classes: class names where torchvision does not know them.
        statistics: mean and std where there are customary ones; None computes them from the training split.
        mirror: whether a mirrored image keeps its class.
        part: name of the class's argument that chooses the part: ``train`` (a bool) or ``split`` (a name).
    """

    read: str
    folder: str
    classes: tuple[str, ...] | None = None
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    mirror: bool = True
    part: str = "train"


READERS: dict[str, _Reader] = {
    "cifar10": _Reader("CIFAR10", "cifar-10-batches-py", statistics=(CIFAR10_MEAN, CIFAR10_STD)),
    "cifar100": _Reader("CIFAR100", "cifar-100-python", statistics=(CIFAR100_MEAN, CIFAR100_STD)),
    "svhn": _Reader("SVHN", "train_32x32.mat", classes=tuple("0123456789"), mirror=False, part="split"),
    "stl10": _Reader("STL10", "stl10_binary", part="split"),
    "fashion_mnist": _Reader("FashionMNIST", "FashionMNIST"),
}


def torchvision_set(
    name: str, root: str | Path, *, val_share: float = 0.1, seed: int = 0, extra: bool = False, download: bool = False
) -> DataSplits:
    """One of ``READERS`` with a validation split taken from its training images, each class in proportion.

    Args:
        name: key of ``READERS``.
        root: the folder in which torchvision keeps the set, or its parent folder if its name is the set's.
        val_share: share of the training images for validation.
        seed: decides which.
        extra: SVHN's 531,131 further, easier images are added to training (never to validation).
        download: fetch what is missing into ``root``; :func:`regard.data.get` asks the user first.
    """
    reader = READERS[name]
    root = Path(root)
    if extra and name != "svhn":
        raise RegardError(f"{name}: extra=True; only svhn has extra images")
    if not download and not (root / reader.folder).exists() and (root / name / reader.folder).exists():
        root = root / name
    images, labels, classes = _part(name, root, "train", download)
    test_images, test_labels, _ = _part(name, root, "test", download)
    rest, val = stratified(labels, (val_share,), seed=seed)
    train_images, train_labels = images[rest], labels[rest]
    if extra:
        more_images, more_labels, _ = _part(name, root, "extra", download)
        train_images, train_labels = torch.cat([train_images, more_images]), torch.cat([train_labels, more_labels])
    train = TensorSplit("train", classes, train_images, train_labels)
    mean, std = pixel_statistics(train) if reader.statistics is None else map(torch.tensor, reader.statistics)
    return DataSplits(
        train=train,
        val=TensorSplit("val", classes, images[val], labels[val]),
        test=TensorSplit("test", classes, test_images, test_labels),
        mean=mean,
        std=std,
        source=f"{name} as torchvision reads it",
        licence="see `regard data info`",
        mirror=reader.mirror,
    )


def _part(name: str, root: Path, part: str, download: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (N,3,H,W) in bytes, labels (N,) and class names of one part."""
    from torchvision import datasets

    reader = READERS[name]
    chosen: dict[str, Any] = {reader.part: part if reader.part == "split" else part == "train"}
    try:
        dataset = getattr(datasets, reader.read)(root, **chosen, download=download)
    except (RuntimeError, OSError) as error:
        if download:
            raise RegardError(
                f"{name}: could not be fetched into {root} ({error}); try again, or put it there"
            ) from None
        entry = "svhn_extra" if part == "extra" else name
        raise RegardError(
            f"{name}: {part!r} not found in {root}, or its checksum is wrong ({error}); "
            f"fetch it with `regard data get {entry} --root {root}`"
        ) from None
    if name == "fashion_mnist":
        _verify_fashion_mnist(root)
    data = torch.as_tensor(np.ascontiguousarray(dataset.data))
    if data.dim() == 3:
        data = data[:, None].expand(-1, 3, -1, -1)
    elif data.shape[-1] == 3:
        data = data.permute(0, 3, 1, 2)
    labels = torch.as_tensor(np.asarray(dataset.labels if reader.part == "split" else dataset.targets)).long()
    return data.contiguous(), labels, reader.classes or tuple(dataset.classes)


def _verify_fashion_mnist(root: Path) -> None:
    """Torchvision verifies this set's archives only while fetching: verify them and their unpacked copies here."""
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.utils import check_integrity

    raw, old = root / "FashionMNIST" / "raw", root / "FashionMNIST" / "processed"
    if old.exists():
        raise RegardError(f"{old}: an old copy that cannot be verified, and that torchvision prefers; remove it")
    for file, md5 in FashionMNIST.resources:
        archive, unpacked = raw / file, (raw / file).with_suffix("")
        if not check_integrity(str(archive), md5) or gzip.decompress(archive.read_bytes()) != unpacked.read_bytes():
            raise RegardError(
                f"{archive}: missing, or it or its unpacked copy is damaged; remove {raw} and fetch it with "
                f"`regard data get fashion_mnist --root {root}`"
            )
