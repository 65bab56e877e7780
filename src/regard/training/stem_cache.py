"""What a frozen stem makes of every image, computed once and kept in a file that is mapped into memory.

Training images are seen in a few fixed views, each an augmentation of its own; which view an epoch takes is a function
of (seed, epoch, sample). The file is shared by all runs with the same stem, images and views, whatever comes after the
stem and whatever their seed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from rich.progress import track
from torch import Tensor

from regard.data import Augmentation, DataSplits, Split
from regard.data.cache import folder as cache_folder
from regard.data.counter import uniforms
from regard.data.fingerprint import fingerprint
from regard.models import AttentiveClassifier
from regard.training.build import build_augmentation
from regard.training.recipe import Recipe
from regard.types import Batch, RegardError

VERSION = 1
BATCH = 32
_STREAM = 110


@dataclass(frozen=True)
class StemSplit:
    """A split as the stem sees it; its batches have no pixels.

    Attributes:
        split: what it stands for.
        features: of every view and item (V,N,...), mapped from a file.
        view: which view each item is given in (N,).
    """

    split: Split
    features: Float[Tensor, "V N ..."]
    view: Int[Tensor, " N"]

    @property
    def name(self) -> str:
        """Of the split."""
        return self.split.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the split."""
        return self.split.classes

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """Of the split."""
        return self.split.labels

    def __len__(self) -> int:
        return len(self.split)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The stem's features of these items as float32; images are empty."""
        where = torch.as_tensor(index, dtype=torch.int64)
        return Batch(
            images=torch.empty(len(where), 3, 0, 0),
            labels=self.labels[where],
            index=where,
            stem=self.features[self.view[where], where].float(),
        )

    def item_name(self, i: int) -> str:
        """Of the split."""
        return self.split.item_name(i)

    def at(self, seed: int, epoch: int) -> StemSplit:
        """The same in this epoch's views."""
        u = uniforms(torch.arange(len(self)), 1, seed=seed, epoch=epoch, stream=_STREAM)[:, 0]
        return replace(self, view=(u * len(self.features)).long())


def through_stem(recipe: Recipe, model: AttentiveClassifier, data: DataSplits, *, quiet: bool = False) -> DataSplits:
    """The same data with ``train`` and ``val`` as the recipe's frozen stem sees them; ``test`` keeps its images."""
    t = recipe.train
    folder = cache_folder() / "stems" if t.cache_folder is None else Path(t.cache_folder).expanduser()
    dtype = np.dtype(t.cache_dtype)
    augment = build_augmentation(recipe)
    return replace(
        data,
        train=_kept(model, data.train, folder, dtype, augment if augment != Augmentation() else None, t.views, quiet),
        val=_kept(model, data.val, folder, dtype, None, 1, quiet),
    )


def _kept(
    model: AttentiveClassifier,
    split: Split,
    folder: Path,
    dtype: np.dtype[np.floating],
    augment: Augmentation | None,
    views: int,
    quiet: bool,
) -> StemSplit:
    """Mapped from the file where it is there, else computed and written."""
    views = 1 if augment is None else views
    key = json.dumps(
        {
            "version": VERSION,
            "stem": _weights(model),
            "split": fingerprint(split),
            "size": model.shape,
            "augment": None if augment is None else asdict(augment),
            "views": views,
            "dtype": dtype.name,
        }
    )
    path = folder / f"{split.name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.npy"
    if not path.exists():
        _write(path, model, split, dtype, augment, views, quiet)
    try:
        mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RegardError(f"{path}: cannot be read ({error}); remove it, and it will be made again") from None
    return StemSplit(split, torch.from_numpy(mapped), torch.zeros(len(split), dtype=torch.int64))


def _write(
    path: Path,
    model: AttentiveClassifier,
    split: Split,
    dtype: np.dtype[np.floating],
    augment: Augmentation | None,
    views: int,
    quiet: bool,
) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")  # several runs may need the same file at once
    shape = tuple(model.stem(split.batch([0]).images).shape[1:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=(views, len(split), *shape))
        parts = torch.arange(len(split)).split(BATCH)
        for index in track(parts, f"stem of {split.name} images, once", transient=True, disable=quiet):
            batch = split.batch(index)
            for view in range(views):
                seen = batch if augment is None else augment(batch, seed=0, epoch=view)
                out[view, index.numpy()] = model.stem(seen.images).numpy().astype(dtype)
        out.flush()
        del out
        part.replace(path)
    except OSError as error:
        raise RegardError(
            f"{path}: the stem's features could not be written ({error.strerror}); make room, give another "
            "train.cache_folder, fewer train.views, or train.cache_stem false"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _weights(model: AttentiveClassifier) -> str:
    """A hash of all numbers of the stem and of the normalisation before it."""
    stem = model.frozen_stem
    total = hashlib.sha256(f"{type(stem.model).__name__} {stem.upto}".encode())
    states = [module.state_dict() for module in stem.modules]
    numbers = [value for state in states for value in state.values()] + [model.mean, model.std]
    for value in numbers:
        total.update(repr(tuple(value.shape)).encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:20]
