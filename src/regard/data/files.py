"""A split whose images stay in files and are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Num
from PIL import Image
from torch import Tensor

from regard.data.reading import cover, read_image, read_mask, to_bool, to_bytes
from regard.data.splits import DataSplits, TensorSplit, check_labels, pixel_statistics
from regard.gaze import Fixations
from regard.types import Batch, RegardError


@dataclass(frozen=True)
class FileSplit:
    """Images in files, resized to just cover ``size`` and cut to its centre, or cut to windows; masks likewise.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        paths: image files.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        size: height and width of what comes out, pixels.
        masks: a mask file for each image, or None.
        mask_level: share of 255 from which on a graded mask is object; None: half of each mask's own maximum.
        windows: the part of each file that becomes the image, x0, y0, x1, y1 as shares of its width and height (N,4);
            None cuts to the centre.
        boxes: object boxes (N,4) in pixels of what comes out, or None.
        parts: named points (N,P,3) as x, y, visible in the same pixels, or None.
        fixations: where people looked (N,n,2), x, y in the same pixels, NaN beyond an image's last, or None.
    """

    name: str
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Num[Tensor, "N *n"]
    size: tuple[int, int]
    masks: tuple[Path, ...] | None = None
    mask_level: float | None = None
    windows: Float[Tensor, "N 4"] | None = None
    boxes: Float[Tensor, "N 4"] | None = None
    parts: Float[Tensor, "N P 3"] | None = None
    fixations: Float[Tensor, "N p 2"] | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.classes, where=f"split {self.name!r}")
        if len(self.labels) != len(self.paths) or (self.masks is not None and len(self.masks) != len(self.paths)):
            raise RegardError(
                f"split {self.name!r}: {len(self.paths)} images, {len(self.labels)} labels"
                + ("" if self.masks is None else f", {len(self.masks)} masks")
                + "; give one of each for each image"
            )
        if min(self.size) < 1:
            raise RegardError(f"split {self.name!r}: size {self.size} (height, width); use at least 1 pixel")

    def __len__(self) -> int:
        return len(self.paths)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The items at these positions, read now; a file that cannot be read raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        images, masks = self._read(where)
        return Batch(
            images=images.to(torch.float32).div_(255),
            labels=self.labels[where],
            index=where,
            masks=masks,
            boxes=None if self.boxes is None else self.boxes[where],
            parts=None if self.parts is None else self.parts[where],
            fixations=None if self.fixations is None else self.fixations[where],
            split=self.name,
        )

    def item_name(self, i: int) -> str:
        """The file's path."""
        return str(self.paths[i])

    def load(self) -> TensorSplit:
        """The same split read into memory, at one byte a value."""
        images, masks = self._read(torch.arange(len(self)))
        names = tuple(map(str, self.paths))
        return TensorSplit(
            self.name,
            self.classes,
            images,
            self.labels,
            masks=masks,
            boxes=self.boxes,
            parts=self.parts,
            fixations=self.fixations,
            names=names,
        )

    def _read(self, where: Tensor) -> tuple[Tensor, Tensor | None]:
        images = torch.empty(len(where), 3, *self.size, dtype=torch.uint8)
        masks = None if self.masks is None else torch.empty(len(where), 1, *self.size, dtype=torch.bool)
        for k, i in enumerate(where.tolist()):
            image = read_image(self.paths[i])
            images[k] = to_bytes(self._cut(image, i, Image.Resampling.BILINEAR))
            if self.masks is not None and masks is not None:
                mask = read_mask(self.masks[i], image.size, of=self.paths[i], level=self.mask_level)
                masks[k] = to_bool(self._cut(mask, i, Image.Resampling.NEAREST))
        return images, masks

    def _cut(self, image: Image.Image, i: int, resample: Image.Resampling) -> Image.Image:
        if self.windows is None:
            return cover(image, self.size, resample)
        x0, y0, x1, y1 = self.windows[i].tolist()
        box = (x0 * image.width, y0 * image.height, min(x1, 1) * image.width, min(y1, 1) * image.height)
        return image.resize((self.size[1], self.size[0]), resample, box=box)


def file_splits(
    parts: dict[str, FileSplit],
    *,
    source: str,
    licence: str,
    in_memory: bool,
    mirror: bool = True,
    gaze: Callable[[], Fixations] | None = None,
) -> DataSplits:
    """``train``, ``val`` and ``test`` joined, with the statistics of at most 500 training images.

    Args:
        parts: the three splits by name.
        source: where the data comes from.
        licence: what may be done with it.
        in_memory: read all images now, so that batches are gathered and augmented on the training device.
        mirror: whether a mirrored image keeps its class.
        gaze: reads fixations on the test split.
    """
    ready = {name: part.load() if in_memory else part for name, part in parts.items()}
    mean, std = pixel_statistics(ready["train"], limit=500)
    return DataSplits(
        ready["train"],
        ready["val"],
        ready["test"],
        mean=mean,
        std=std,
        source=source,
        licence=licence,
        mirror=mirror,
        gaze=gaze,
    )


def as_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) from one number or two."""
    return (size, size) if isinstance(size, int) else size
