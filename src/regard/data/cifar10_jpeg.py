"""CIFAR-10, 15,000 training and 5,000 test images, balanced, as JPEG files in one zip (recompression costs points)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regard.data.cache import cached
from regard.data.files import open_zip, read_zip_image
from regard.data.splits import DataSplits, TensorSplit, stratified
from regard.data.torchvision_sets import CIFAR10_CLASSES, CIFAR10_MEAN, CIFAR10_STD
from regard.types import RegardError

_FILE = "cifar10/cifar10_20k.zip"


def cifar10_jpeg(root: str | Path, *, val_share: float = 0.1, seed: int = 0, cache: bool = True) -> DataSplits:
    """The set, decoded once and cached as bytes.

    Args:
        root: folder with ``cifar10/cifar10_20k.zip`` (entries ``{train,test}/CLASS/NNNN.jpg``), or the zip itself.
        val_share: share of each class's training images for validation.
        seed: decides which.
        cache: keep the decoded images in the user's cache folder.

    Returns:
        Splits in memory; mean and std are those of all 50,000 original training images, as is customary.
    """
    path = Path(root) if Path(root).suffix == ".zip" else Path(root) / _FILE
    if not path.is_file():
        raise RegardError(f"{path}: no such file; put cifar10_20k.zip there, or use 'cifar10'")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    tensors = cached("cifar10_jpeg", f"1 {digest}", lambda: _decode(path)) if cache else _decode(path)
    images, labels = tensors["train.images"], tensors["train.labels"]
    rest, val = stratified(labels, (val_share,), seed=seed)
    return DataSplits(
        train=TensorSplit("train", CIFAR10_CLASSES, images[rest], labels[rest]),
        val=TensorSplit("val", CIFAR10_CLASSES, images[val], labels[val]),
        test=TensorSplit("test", CIFAR10_CLASSES, tensors["test.images"], tensors["test.labels"]),
        mean=torch.tensor(CIFAR10_MEAN),
        std=torch.tensor(CIFAR10_STD),
        source=f"CIFAR-10 (Krizhevsky 2009), 20,000 images recompressed as JPEG, from {path.name}",
        licence="no explicit licence; for research, with citation",
    )


def _decode(path: Path) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    with open_zip(path) as archive:
        for split in ("train", "test"):
            images, labels = [], []
            for name in sorted(n for n in archive.namelist() if n.startswith(f"{split}/") and n.endswith(".jpg")):
                parts = name.split("/")
                if len(parts) != 3 or parts[1] not in CIFAR10_CLASSES:
                    raise RegardError(f"{path}: entry {name!r} is not {split}/CLASS/NAME.jpg with a class of CIFAR-10")
                images.append(read_zip_image(archive, name, (32, 32)))
                labels.append(CIFAR10_CLASSES.index(parts[1]))
            if not images:
                raise RegardError(f"{path}: no entries {split}/CLASS/NAME.jpg; this is another archive")
            out[f"{split}.images"] = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
            out[f"{split}.labels"] = torch.tensor(labels)
    return out
