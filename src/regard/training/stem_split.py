"""A split as a frozen stem sees it: features of a few fixed views, and all that is known of the images in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from regard.data import Augmentation, FileSplit, InFront, Split, TensorSplit
from regard.data.counter import uniforms
from regard.types import Batch

_STREAM = 110
_MOVED = ("boxes", "parts", "fixations", "moved")


@dataclass(frozen=True)
class StemSplit(InFront):
    """A split whose batches have a stem's features in place of pixels.

    Attributes:
        split: what it stands for.
        features: of every view and item (V,N,...), mapped from a file.
        view: which view each item is given in (N,).
        size: (H, W) of the images.
        masks: objects in every view (V,N,1,H,ceil(W/8)), eight pixels a byte, mapped from a file; or None.
        known: what else is known of the images, by its name in a batch, as augmentation moved it in every view
            (V,N,...).
    """

    split: Split
    features: Float[Tensor, "V N ..."]
    view: Int[Tensor, " N"]
    size: tuple[int, int]
    masks: UInt8[Tensor, "V N 1 H w8"] | None
    known: dict[str, Tensor]

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The stem's features of these items as float32, and what is known of the view; images are empty."""
        where = torch.as_tensor(index, dtype=torch.int64)
        view = self.view[where]
        return Batch(
            images=torch.empty(len(where), 3, 0, 0),
            labels=self.labels[where],
            index=where,
            masks=None if self.masks is None else unpacked(self.masks[view, where], self.size[1]),
            stem=self.features[view, where].float(),
            stem_size=self.size,
            split=self.name,
            **{name: values[view, where] for name, values in self.known.items()},
        )

    def at(self, seed: int, epoch: int) -> StemSplit:
        """The same in this epoch's views."""
        u = uniforms(torch.arange(len(self)), 1, seed=seed, epoch=epoch, stream=_STREAM)[:, 0]
        return replace(self, view=(u * len(self.features)).long())


def known_of(split: Split, size: tuple[int, int], augment: Augmentation | None, views: int) -> dict[str, Tensor]:
    """Boxes, parts and fixations of all images in every view (V,N,...), and how it was moved; masks apart.

    They are small and depend on more than the images (gaze may be dealt anew), so they are not kept in files.
    """
    held = split if isinstance(split, TensorSplit | FileSplit) else None
    places: dict[str, Any] = {
        name: None if held is None else _cpu(getattr(held, name)) for name in ("boxes", "parts", "fixations")
    }
    batch = Batch(
        images=torch.empty(len(split), 3, 0, 0),
        labels=split.labels.cpu(),
        index=torch.arange(len(split)),
        stem_size=size,
        **places,
    )
    seen = [batch if augment is None else augment(batch, seed=0, epoch=view) for view in range(views)]
    found = {name: [getattr(one, name) for one in seen] for name in _MOVED}
    return {name: torch.stack(values) for name, values in found.items() if values[0] is not None}


def packed(masks: Tensor) -> Tensor:
    """Masks (...,W) as bytes (...,ceil(W/8)), the first pixel in the highest bit."""
    short = -masks.shape[-1] % 8
    bits = torch.nn.functional.pad(masks.to(torch.uint8), (0, short)).unflatten(-1, (-1, 8))
    return (bits << torch.arange(7, -1, -1, dtype=torch.uint8)).sum(-1, dtype=torch.uint8)


def unpacked(bytes_: Tensor, width: int) -> Tensor:
    """What ``packed`` packed."""
    bits = (bytes_[..., None] >> torch.arange(7, -1, -1, dtype=torch.uint8)) & 1
    return bits.flatten(-2)[..., :width].bool()


def _cpu(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.cpu()
