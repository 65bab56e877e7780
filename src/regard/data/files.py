"""Images and masks in files and in zip archives, and a split that reads its items on access; errors name the file."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Num, UInt8
from PIL import Image
from torch import Tensor

from regard.data.membership import content_hashes
from regard.data.splits import DataSplits, ItemDataset, Member, Split, TensorSplit, check_labels, label_names
from regard.gaze import natural
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.reading import check_growth, load_image, regular_file
from regard.types import Batch, RegardError

_CONVERTIBLE = ("RGB", "L", "1", "P", "CMYK", "YCbCr", "LAB", "HSV")
_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_WHOLE = 2**25
"""Pixels to which a picture is resized as a whole before it is cut."""


def read_image(path: Path) -> Image.Image:
    """An RGB image, turned as its EXIF orientation says.

    Grey, palette, black-and-white, CMYK and YCbCr files are converted; transparency is composited on white; 16-bit grey
    is scaled to 8 bits. Anything else (32-bit, floats, an unusual number of channels) raises a RegardError.
    """
    return image_to_rgb(load_image(path, turned=True), path)


def image_to_rgb(image: Image.Image, path: Path | str) -> Image.Image:
    """An image of any of these formats as RGB; ``path`` names it in errors."""
    if image.mode in _16_BIT:
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or (image.mode == "P" and "transparency" in image.info):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    if image.mode not in _CONVERTIBLE:
        raise RegardError(
            f"{path}: pixel format {image.mode!r} ({len(image.getbands())} channels) has no fixed range; "
            "save it as 8-bit grey or RGB"
        )
    return image.convert("RGB")


def read_mask(path: Path, size: tuple[int, int], *, of: Path, level: float | None = None) -> Image.Image:
    """A mask as an 8-bit image of 0 and 255: object is what exceeds half of the mask's own maximum, or ``level``.

    This reads 0/1, 0/255 and soft masks alike; in palette files every index but 0 is object. ``level`` is the share of
    255 from which on a pixel of a graded mask is object. The image ``of`` which it is has ``size`` (width, height);
    another size of the mask is an error.
    """
    image = load_image(path, turned=True)
    if image.size != size:
        raise RegardError(
            f"{path}: mask of {image.width}x{image.height} pixels for {of} of {size[0]}x{size[1]}; "
            "save the mask at the image's size"
        )
    grey = image if image.mode in (*_16_BIT, "I", "F", "P", "1") else image.convert("L")
    values = np.asarray(grey).astype(np.float64)
    if level is not None:
        is_object = values >= level * 255
    else:
        is_object = values != 0 if image.mode == "P" else values > values.max() / 2
    return Image.fromarray(is_object.astype(np.uint8) * 255)


def covered_batch(pictures: Iterable[Image.Image], count: int, size: tuple[int, int]) -> Float[Tensor, "B 3 H W"]:
    """As many pictures, each cut to ``size`` (height, width) by `cover`, as values in [0,1]."""
    images = torch.empty(count, 3, *size, dtype=torch.uint8)
    for k, picture in enumerate(pictures):
        images[k] = to_bytes(cover(picture, size, Image.Resampling.BILINEAR))
    return images.to(torch.float32).div_(255)


def cover(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Resize so that (height, width) is just covered, then cut out the centre."""
    height, width = size
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    scaled = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    if scaled[0] * scaled[1] > _WHOLE:  # of a picture far from the wanted shape only what stays is enlarged
        x, y = image.width / scaled[0], image.height / scaled[1]
        return image.resize((width, height), resample, (left * x, top * y, (left + width) * x, (top + height) * y))
    return image.resize(scaled, resample).crop((left, top, left + width, top + height))


def to_bytes(image: Image.Image) -> UInt8[Tensor, "3 H W"]:
    """An RGB image as a tensor."""
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def to_bool(mask: Image.Image) -> Bool[Tensor, "1 H W"]:
    """An 8-bit mask as a tensor."""
    return torch.from_numpy(np.asarray(mask) > 127)[None]


@dataclass(frozen=True)
class FileSplit(ItemDataset):
    """Images in files, resized to just cover ``size`` and cut to its centre, or cut to windows; masks likewise.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        paths: image files.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        size: height and width of the output, pixels.
        masks: a mask file for each image, or None.
        mask_level: share of 255 from which on a graded mask is object; None: half of each mask's own maximum.
        windows: the part of each file that becomes the image, x0, y0, x1, y1 as shares of its width and height (N,4);
            None cuts to the centre.
        boxes: object boxes (N,4) in pixels of the output, or None.
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
        """The items at these positions, read now; an unreadable file raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        images, masks = self._read(where)
        images = images.to(torch.float32).div_(255)
        annotations = {name: values[where] for name, values in self._annotations().items()}
        return Batch(images, self.labels[where], where, masks=masks, split=self.name, **annotations)

    def item_name(self, i: int) -> str:
        """The file's path."""
        return str(self.paths[i])

    def load(self) -> TensorSplit:
        """The same split read into memory, at one byte per value."""
        images, masks = self._read(torch.arange(len(self)))
        names = tuple(map(str, self.paths))
        return TensorSplit(
            self.name, self.classes, images, self.labels, masks=masks, names=names, **self._annotations()
        )

    def members(self) -> tuple[Member, ...]:
        """Files and class names of every item."""
        files = [(path,) for path in self.paths] if self.masks is None else zip(self.paths, self.masks, strict=True)
        names = label_names(self.labels, self.classes)
        return tuple(Member(tuple(own), labels) for own, labels in zip(files, names, strict=True))

    def _annotations(self) -> dict[str, Any]:
        """Annotations other than masks, where there are any."""
        fields = {"boxes": self.boxes, "parts": self.parts, "fixations": self.fixations}
        return {name: values for name, values in fields.items() if values is not None}

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


def file_splits(parts: dict[str, FileSplit], *, in_memory: bool, where: Path, **facts: Any) -> DataSplits:
    """`DataSplits.of_parts` with the statistics of at most 500 training images; ``in_memory`` reads all images now.

    ``where`` is the set's folder, below which its files are named.
    """
    ready = {name: part.load() if in_memory else part for name, part in parts.items()}
    members = {name: part.members() for name, part in parts.items()}
    return DataSplits.of_parts(ready, statistics_images=500, members=members, where=where, **facts)


def fingerprint(split: Split) -> str:
    """Hash of a split's pixels in memory, or of its files' content and windows.

    A split of another type is read once.
    """
    total = hashlib.sha256(repr((type(split).__name__, len(split), split.classes)).encode())
    total.update(_bytes(split.labels))
    if isinstance(split, TensorSplit):
        total.update(_bytes(split.images))
    elif isinstance(split, FileSplit):
        total.update(repr(split.size).encode() + _files(split, split.paths))
    else:
        for part in torch.arange(len(split)).split(256):
            total.update(_bytes(split.batch(part).images))
    return total.hexdigest()[:16]


def mask_fingerprint(split: Split) -> str:
    """The same of the masks of a split that has them."""
    total = hashlib.sha256(repr((type(split).__name__, len(split))).encode())
    if isinstance(split, TensorSplit) and split.masks is not None:
        total.update(repr(tuple(split.masks.shape)).encode() + _bytes(split.masks))
    elif isinstance(split, FileSplit) and split.masks is not None:
        total.update(repr((split.size, split.mask_level)).encode() + _files(split, split.masks))
    else:
        for part in torch.arange(len(split)).split(256):
            masks = split.batch(part).masks
            assert masks is not None
            total.update(_bytes(masks))
    return total.hexdigest()[:16]


def _files(split: FileSplit, paths: Sequence[Path]) -> bytes:
    """Hash of each file, then the split's windows."""
    return " ".join(content_hashes(paths)).encode() + (b"" if split.windows is None else _bytes(split.windows))


def _bytes(values: Tensor) -> bytes:
    return values.detach().cpu().contiguous().numpy().tobytes()


def find_folder(root: Path, *places: str, holds: str, name: str) -> Path:
    """The first of ``root`` and of the ``places`` below it that contains the folder (or file) ``holds``."""
    for folder in (root, *(root / place for place in places)):
        if (folder / holds).exists():
            return folder
    raise RegardError(
        f"{name}: neither {root / holds} nor {root / places[0] / holds} exists; unpack the data set there, or pass "
        "its folder as root"
    )


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in the order of the numbers in their names, without strays; at least one."""
    paths = list_images(folder)
    if not paths:
        raise RegardError(f"{folder}: no images ({', '.join(IMAGE_SUFFIXES)})")
    return paths


def list_images(folder: Path) -> list[Path]:
    """As `image_files`; empty if there are none."""
    return sorted(list_files(folder, IMAGE_SUFFIXES, recursive=False), key=lambda path: natural(path.name))


def as_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) from one number or two."""
    return (size, size) if isinstance(size, int) else size


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip opened for reading, after its entries' names are checked.

    An entry that would leave the folder it is unpacked in (an absolute path, a drive, ``..``) or that is a symbolic
    link is an error, although regard does not unpack archives: such an archive is corrupt or malicious.
    """
    regular_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # zipfile lets struct.error, NotImplementedError and others through
        raise RegardError(f"{path}: damaged zip ({error}); fetch it again") from None
    for entry in archive.infolist():
        name = entry.filename
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        link = (entry.external_attr >> 16) & 0o170000 == 0o120000
        if posix.is_absolute() or windows.anchor or ".." in posix.parts or ".." in windows.parts or link:
            archive.close()
            raise RegardError(f"{path}: entry {name!r} leaves the archive's folder; do not use this archive")
    return archive


def read_zip_image(archive: zipfile.ZipFile, name: str, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """The RGB pixels of an image in an archive.

    Raises:
        RegardError: an entry that cannot be read, or that is not of ``size`` (height, width).
    """
    what = f"{archive.filename}: entry {name!r}"
    try:
        entry = archive.getinfo(name)
        check_growth(entry.file_size, entry.compress_size, what, "fetch the archive again")
        pixels = np.asarray(load_image(archive.read(entry), name=what).convert("RGB"))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise RegardError(f"{what} cannot be read ({error}); fetch the archive again") from None
    height, width = pixels.shape[:2]
    if (height, width) != size:
        raise RegardError(f"{archive.filename}: entry {name!r} is {width}x{height}, not {size[1]}x{size[0]}")
    return pixels
