"""Features of a frozen stem, computed once per image and kept in a file that is mapped into memory.

Training images come in a few fixed views, each an augmentation of its own; which view an epoch takes is a function of
(seed, epoch, sample). The file is shared by all runs with the same stem, images and views, whatever comes after the
stem and whatever the task; every seed has augmented views of its own, so that seeds are independent runs. Masks are
kept in a second file, in the same views.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import Float, Int, UInt8
from rich.progress import track
from torch import Tensor

from regard.backbones import probe_images
from regard.data import (
    Augmentation,
    DataSplits,
    FileSplit,
    Split,
    SplitExtension,
    SplitWrapper,
    TensorSplit,
    cache_folder,
    fingerprint,
    mask_fingerprint,
    uniforms,
)
from regard.files import atomic_path, make_folder, remove_leftovers
from regard.models import OneTrunk
from regard.training.build import build_augmentation
from regard.training.recipe import Recipe
from regard.types import Batch, RegardError

_VERSION = 2
_BATCH = 32
_STREAM = 110
_MOVED = ("boxes", "parts", "fixations", "moved")
"""Fields of a batch that augmentation moves with the image."""
View = Callable[[Batch], Batch]
Observe = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class StemSplit(SplitWrapper):
    """A split whose batches have a stem's features in place of pixels.

    Attributes:
        split: the images.
        features: of every view and item (V,N,...), mapped from a file.
        view: which view each item is given in (N,).
        size: (H, W) of the images.
        masks: objects in every view (V,N,1,H,ceil(W/8)), eight pixels a byte, mapped from a file; or None.
        annotations: of the images, by field of a batch, as augmentation moved them in every view (V,N,...).
    """

    split: Split
    features: Float[Tensor, "V N ..."]
    view: Int[Tensor, " N"]
    size: tuple[int, int]
    masks: UInt8[Tensor, "V N 1 H w8"] | None
    annotations: dict[str, Tensor]

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The stem's features of these items as float32, and the annotations in their views; images are empty."""
        where = torch.as_tensor(index, dtype=torch.int64)
        view = self.view[where]
        return Batch(
            images=torch.empty(len(where), 3, 0, 0),
            labels=self.labels[where],
            index=where,
            masks=None if self.masks is None else unpack_masks(self.masks[view, where], self.size[1]),
            stem=self.features[view, where].float(),
            stem_size=self.size,
            split=self.name,
            **{name: values[view, where] for name, values in self.annotations.items()},
        )

    def at(self, seed: int, epoch: int) -> StemSplit:
        """The same split in an epoch's views."""
        u = uniforms(torch.arange(len(self)), 1, seed=seed, epoch=epoch, stream=_STREAM)[:, 0]
        return replace(self, view=(u * len(self.features)).long())


def annotations_in(split: Split, size: tuple[int, int], views: Sequence[View]) -> dict[str, Tensor]:
    """Boxes, parts and fixations of all images in every view (V,N,...), and how each was moved; masks apart.

    They are small and depend on more than the images (gaze may be shuffled), so they are not kept in files.
    """
    names = ("boxes", "parts", "fixations") if isinstance(split, TensorSplit | FileSplit) else ()
    annotations: dict[str, Any] = {name: values.cpu() for name in names if (values := getattr(split, name)) is not None}
    images, labels = torch.empty(len(split), 3, 0, 0), split.labels.cpu()
    batch = Batch(images=images, labels=labels, index=torch.arange(len(split)), stem_size=size, **annotations)
    batches = [view(batch) for view in views]
    columns = {name: [getattr(one, name) for one in batches] for name in _MOVED}
    return {name: torch.stack(values) for name, values in columns.items() if values[0] is not None}


def pack_masks(masks: Tensor) -> Tensor:
    """Masks (...,W) as bytes (...,ceil(W/8)), the first pixel in the highest bit."""
    short = -masks.shape[-1] % 8
    bits = torch.nn.functional.pad(masks.to(torch.uint8), (0, short)).unflatten(-1, (-1, 8))
    return (bits << torch.arange(7, -1, -1, dtype=torch.uint8)).sum(-1, dtype=torch.uint8)


def unpack_masks(bytes_: Tensor, width: int) -> Tensor:
    """Inverse of `pack_masks`; ``width`` is that of the masks."""
    bits = (bytes_[..., None] >> torch.arange(7, -1, -1, dtype=torch.uint8)) & 1
    return bits.flatten(-2)[..., :width].bool()


def stem_splits(recipe: Recipe, model: OneTrunk, data: DataSplits, *, quiet: bool = False) -> DataSplits:
    """The same data with ``train`` and ``val`` as the recipe's frozen stem sees them; ``test`` keeps its images."""
    train = stem_split(recipe, model, data.train, training=True, quiet=quiet)
    return replace(data, train=train, val=stem_split(recipe, model, data.val, training=False, quiet=quiet))


def stem_split(recipe: Recipe, model: OneTrunk, split: Split, *, training: bool, quiet: bool = False) -> StemSplit:
    """A split as the recipe's frozen stem sees it: in `train.views` augmented views for training, else as it is.

    Mapped from files where they are there, else computed and written.
    """
    t, augment = recipe.train, build_augmentation(recipe)
    augmented = training and augment != Augmentation()
    views: list[View] = [partial(augment, seed=t.seed, epoch=k) for k in range(t.views)] if augmented else [lambda b: b]
    size = (model.shape[1], model.shape[2])
    folder = cache_folder() / "stems" if t.cache_folder is None else Path(t.cache_folder).expanduser()

    remove_leftovers(folder)

    def cached(name: str, key: dict[str, object], dtype: str, observe: Observe) -> Tensor:
        path = folder / f"{name}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]}.npy"
        if not path.exists():
            with _one_writer(path) as there:
                if not there:
                    _write(path, split, views, observe, dtype, quiet)
        try:
            return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
        except (OSError, ValueError) as error:
            raise RegardError(f"{path}: cannot be read ({error}); remove it, and it will be computed again") from None

    # the order of these names decides the name of the file: do not change it
    view_key = {
        "augment": {k: v for k, v in asdict(augment).items() if k != "transforms"} if augmented else None,
        "views": len(views),
        "seed": t.seed if augmented else None,
    }
    key = {"version": _VERSION, "stem": stem_key(model), "split": fingerprint(split), "size": model.shape}
    key |= view_key | {"dtype": t.cache_dtype}
    features = cached(split.name, key, t.cache_dtype, lambda batch: model.stem(batch.images))
    masks = None
    if split.batch([0]).masks is not None:
        mask_key = {"version": _VERSION, "masks": mask_fingerprint(split)} | view_key
        masks = cached(f"masks-{split.name}", mask_key, "uint8", _packed)
    view = torch.zeros(len(split), dtype=torch.int64)
    return StemSplit(split, features, view, size, masks, annotations_in(split, size, views))


@contextmanager
def _one_writer(path: Path) -> Iterator[bool]:
    """Whether the file is there by now: of processes that need it at once, such as those of several devices, one writes
    it and the others wait; a writer that is killed blocks nobody.
    """
    lock_file = make_folder(path.parent) / f".{path.name}.lock"
    with FileLock(lock_file, thread_local=False):
        try:
            yield path.exists()
        finally:
            lock_file.unlink(missing_ok=True)


def _write(path: Path, split: Split, views: Sequence[View], observe: Observe, dtype: str, quiet: bool) -> None:
    """Writes what ``observe`` makes of every batch, for all views and items (V,N,...)."""
    shape = (len(views), len(split), *observe(split.batch([0])).shape[1:])
    remedy = "make room, give another train.cache_folder, fewer train.views, or train.cache_stem false"
    with atomic_path(path, parents=True, remedy=remedy) as part:
        out = np.lib.format.open_memmap(part, mode="w+", dtype=np.dtype(dtype), shape=shape)
        chunks = torch.arange(len(split)).split(_BATCH)
        for index in track(chunks, f"stem of {split.name} images, once", transient=True, disable=quiet):
            batch = split.batch(index)
            for k, view in enumerate(views):
                out[k, index.numpy()] = observe(view(batch)).numpy().astype(dtype)
        out.flush()
        del out


@dataclass(frozen=True)
class WithStem(SplitExtension):
    """A split whose batches have images and the stem's features of them."""

    split: Split
    features: StemSplit

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items with their stem."""
        return replace(self.split.batch(index), stem=self.features.batch(index).stem)


def with_stem(recipe: Recipe, data: DataSplits, model: OneTrunk) -> DataSplits:
    """The data for evaluation: with ``train.cache_stem``, ``test`` has images and the stem's features in float32."""
    if not recipe.train.cache_stem:
        return data
    full = replace(recipe, train=replace(recipe.train, cache_dtype="float32"))
    return replace(data, test=WithStem(data.test, stem_split(full, model, data.test, training=False, quiet=True)))


def _packed(batch: Batch) -> Tensor:
    assert batch.masks is not None
    return pack_masks(batch.masks.cpu())


def stem_key(model: OneTrunk) -> str:
    """A hash of what a frozen stem computes: network, options, modules with their settings, output shape, all numbers.

    Options such as ``output_stride`` change what is computed and no weight, so weights alone are no key.
    """
    stem, name = model.frozen_stem, model.config["backbone"]
    around = [module for module in stem.model.modules() if stem.layer in module.modules() and module is not stem.layer]
    with torch.no_grad():
        shape = tuple(stem(probe_images(stem.model, model.shape)).shape)
    described = {
        "network": name if isinstance(name, str) else type(stem.model).__qualname__,
        "options": {key: repr(value) for key, value in sorted((model.config["backbone_options"] or {}).items())},
        "upto": stem.upto,
        "modules": [repr(module) for module in stem.modules],
        "shape": shape,
    }
    total = hashlib.sha256(json.dumps(described).encode())
    numbers = [value for module in stem.modules for value in module.state_dict().values()]
    numbers += [value for module in around for value in (*module._parameters.values(), *module._buffers.values())]
    for value in [*(value for value in numbers if value is not None), model.mean, model.std]:
        total.update(repr(tuple(value.shape)).encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:20]
