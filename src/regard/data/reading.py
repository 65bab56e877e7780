"""Image and mask files as arrays; what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from regard.types import RegardError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

_PLAIN = ("RGB", "L", "1", "P", "CMYK", "YCbCr", "LAB", "HSV")
_ORIENTATION = 0x0112  # EXIF's tag; from 5 on sides are exchanged
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path) -> Image.Image:
    """An RGB image, turned as its EXIF orientation says.

    Grey, palette, black-and-white, CMYK and YCbCr files are converted; transparency is composited on white; 16-bit grey
    is scaled to 8 bits. Anything else (32-bit, floats, an unusual number of channels) raises a RegardError.
    """
    image = _open(path)
    if image.mode in _DEEP:
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or (image.mode == "P" and "transparency" in image.info):
        whole = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    if image.mode not in _PLAIN:
        raise RegardError(
            f"{path}: pixel format {image.mode!r} ({len(image.getbands())} channels) has no fixed range; "
            "save it as 8-bit grey or RGB"
        )
    return image.convert("RGB")


def shown_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image as `read_image` turns it, from the file's header."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5
            return (image.width, image.height) if turned else (image.height, image.width)
    except (OSError, ValueError, SyntaxError) as error:
        raise RegardError(f"{path}: not an image that can be read ({error}); replace or remove the file") from None


def read_mask(path: Path, size: tuple[int, int], *, of: Path, level: float | None = None) -> Image.Image:
    """A mask as an 8-bit image of 0 and 255: object is what exceeds half of the mask's own maximum, or ``level``.

    So 0/1, 0/255 and soft masks are all understood; in palette files every index but 0 is object.

    Args:
        path: the mask's file.
        size: (width, height) of the image it belongs to; another size is an error.
        of: the image's file, for the message.
        level: share of 255 from which on a pixel is object, for graded masks that mean something by their values.
    """
    image = _open(path)
    if image.size != size:
        raise RegardError(
            f"{path}: mask of {image.width}x{image.height} pixels for {of} of {size[0]}x{size[1]}; "
            "save the mask at the image's size"
        )
    values = np.asarray(image if image.mode in (*_DEEP, "I", "F", "P", "1") else image.convert("L")).astype(np.float64)
    if level is not None:
        object_ = values >= level * 255
    else:
        object_ = values != 0 if image.mode == "P" else values > values.max() / 2
    return Image.fromarray(object_.astype(np.uint8) * 255)


def cover(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Resize so that (height, width) is just covered, then cut out the centre."""
    height, width = size
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    whole = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    return image.resize(whole, resample).crop((left, top, left + width, top + height))


def to_bytes(image: Image.Image) -> UInt8[Tensor, "3 H W"]:
    """An RGB image as a tensor."""
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def to_bool(mask: Image.Image) -> Bool[Tensor, "1 H W"]:
    """An 8-bit mask as a tensor."""
    return torch.from_numpy(np.asarray(mask) > 127)[None]


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            opened.load()
            return ImageOps.exif_transpose(opened)
    except FileNotFoundError:
        raise RegardError(f"{path}: no such image; correct the path or take it from the list") from None
    except UnidentifiedImageError:
        raise RegardError(f"{path}: not an image that can be read; replace or remove the file") from None
    except Image.DecompressionBombError as error:
        raise RegardError(f"{path}: {error}; shrink the image") from None
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's for truncated and damaged files
        raise RegardError(f"{path}: damaged image ({error}); replace or remove the file") from None
