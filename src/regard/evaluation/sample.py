"""Images of a folder or data set, chosen by a seed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from regard.data import CATALOG, DataSplits, Split, cover, open_data, permutation, read_image, to_bytes
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.metrics import batch_masks
from regard.types import RegardError

_STREAM = 700


@dataclass(frozen=True)
class Sample:
    """Images (N,C,H,W) in [0,1] of a data set or folder (``source``, for the page), and what is known of them: their
    index in the data set (N,), with a seed the key of their random floors; names of the files or items; masks
    (N,1,H,W), None where the data has none; and why files that would have been among them cannot be read.
    """

    source: str
    images: Float[Tensor, "N C H W"]
    index: Int[Tensor, " N"]
    names: tuple[str, ...]
    masks: Bool[Tensor, "N 1 H W"] | None = None
    damaged: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A short hash of pixels and order."""
        return hashlib.sha256((self.images * 255).round().byte().cpu().numpy().tobytes()).hexdigest()[:16]


def sample_of(split: Split, source: str, count: int, size: tuple[int, int], *, seed: int = 0) -> Sample:
    """`count` images of a split (all, if it has fewer), resized to `size` if they have another."""
    index = permutation(len(split), seed=seed, stream=_STREAM)[:count].sort().values
    if len(index) < 2:
        raise RegardError(f"{source}: {len(split)} images; at least 2 are needed")
    batch = split.batch(index)
    images, masks = batch.images.cpu(), batch_masks(batch)
    if images.shape[2:] != size:
        images = F.interpolate(images, size=size, mode="bilinear", antialias=True).clamp(0, 1)
        masks = None if masks is None else F.interpolate(masks.float(), size=size, mode="nearest") > 0.5
    return Sample(source, images, index, tuple(split.item_name(i) for i in index.tolist()), masks)


def open_sample(
    data: str, count: int, size: tuple[int, int], *, seed: int = 0, prepare: Callable[[Path], Tensor] | None = None
) -> Sample:
    """Images of a folder, whatever its subfolders, or of the test split of a data set of the catalog.

    Args:
        data: the folder, or the set's name.
        count: how many, chosen by the seed.
        size: (H, W) of the images.
        seed: of the choice.
        prepare: file of a folder -> image (1,C,H,W) in [0,1], as a model's ``prepare``; by default RGB, resized so that
            ``size`` is just covered, and cut to the centre.

    Raises:
        RegardError: neither; too few images; one that cannot be read.
    """
    folder = Path(data).expanduser()
    if folder.is_dir():
        return _folder(folder, count, seed, prepare or (lambda path: _covered(path, size)))
    return sample_of(open_named(data, size).test, data, count, size, seed=seed)


def open_named(data: str, size: tuple[int, int], options: Mapping[str, Any] | None = None) -> DataSplits:
    """A data set of the catalog, in this size where the set has a choice of sizes.

    Args:
        data: its name.
        size: (H, W), used as a square of H.
        options: of the set, and its folder as ``root``.

    Raises:
        RegardError: there is none of this name, or it is not at hand.
    """
    if data not in CATALOG:
        raise RegardError(f"data {data!r}: neither a folder nor a data set; there are {', '.join(CATALOG)}")
    sized: dict[str, Any] = {"size": size[0]} if "size" in inspect.signature(CATALOG[data].open).parameters else {}
    return open_data(data, **sized | dict(options or {}))


def _covered(path: Path, size: tuple[int, int]) -> Tensor:
    return to_bytes(cover(read_image(path), size, Image.Resampling.BILINEAR))[None].float() / 255


def _folder(folder: Path, count: int, seed: int, prepare: Callable[[Path], Tensor]) -> Sample:
    files = list_files(folder, IMAGE_SUFFIXES)
    if len(files) < 2:
        raise RegardError(f"{folder}: {len(files)} images; at least 2 are needed")
    read: dict[int, Tensor] = {}
    damaged: list[str] = []
    for i in permutation(len(files), seed=seed, stream=_STREAM).tolist():
        if len(read) == count:
            break
        try:
            read[i] = (prepare(files[i])[0].cpu() * 255).round().byte()  # a float is four times as large
        except RegardError as error:
            damaged.append(str(error))
    if len(read) < 2:
        raise RegardError(
            f"{folder}: {len(read)} images can be read, at least 2 are needed; first problem: {damaged[0]}"
        )
    chosen = sorted(read)
    images = torch.stack([read[i] for i in chosen]).float() / 255
    names = tuple(str(files[i].relative_to(folder)) for i in chosen)
    return Sample(str(folder), images, torch.tensor(chosen), names, damaged=tuple(damaged))
