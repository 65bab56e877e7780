"""What a model takes as images: pictures and arrays become (B,C,H,W) in [0,1]; the rest is refused with the remedy.

Pictures are prepared as the weights want them: as the library of pretrained weights states it (size, share that is cut
out, interpolation), else as regard's data sets are read, resized so that the model's size is just covered, and cut to
the centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageOps
from timm.data.transforms import str_to_interp_mode
from timm.data.transforms_factory import create_transform
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from regard.data import cover, image_to_rgb, read_image, to_bytes
from regard.types import RegardError

_Picture: TypeAlias = str | Path | Image.Image | NDArray[Any]
"""A file, an image in memory, or an array (H,W) or (H,W,3) of bytes."""
ImageInput: TypeAlias = Tensor | _Picture | Sequence[_Picture]
"""What models predict and explain: a tensor (B,C,H,W), a picture, or several."""

_CROP, _INTERPOLATION, _MODE = "crop_pct", "interpolation", "crop_mode"
_MODES = ("center", "squash", "border")
_SLACK = 1e-3
"""By which values may leave [0,1]: a bicubic resize overshoots a little more, and is to be clamped."""
_LONGEST = 100
"""Times the shorter side that the longer one of a picture may be, to be resized as a whole."""
_REMEDY = "give images (B,C,H,W) of floats in [0,1] or of bytes (uint8), files, or PIL images"


def check_preparation(preparation: Mapping[str, Any]) -> None:
    """Raises RegardError where it is neither empty nor timm's ``crop_pct``, ``interpolation`` and ``crop_mode``."""
    crop, mode = preparation.get(_CROP, 1.0), preparation.get(_MODE, "center")
    number = isinstance(crop, int | float) and 0 < crop <= 1
    try:
        str_to_interp_mode(preparation.get(_INTERPOLATION, "bilinear"))
        known = preparation.keys() <= {_CROP, _INTERPOLATION, _MODE} and mode in _MODES
    except (KeyError, TypeError):
        known = False
    if not (number and known):
        raise RegardError(
            f"preparation={dict(preparation)}: {_CROP} above 0 and at most 1, {_INTERPOLATION} such as bicubic, "
            f"{_MODE} one of {', '.join(_MODES)}; or empty, for regard's own"
        )


def published_preparation(config: Mapping[str, Any]) -> dict[str, Any]:
    """How pictures are prepared for pretrained weights, out of timm's configuration of a network; empty without one."""
    return {name: config[name] for name in (_CROP, _INTERPOLATION, _MODE) if config.get(name) is not None}


def prepare_images(
    images: ImageInput, shape: tuple[int, int, int], preparation: Mapping[str, Any] | None = None
) -> Float[Tensor, "B C H W"]:
    """Images as a model of ``shape`` (C,H,W) takes them.

    Args:
        images: a tensor (B,C,H,W) of floats in [0,1], or of bytes; an array of the same, or (B,H,W,C); or files, PIL
            images and arrays (H,W) or (H,W,3) of bytes, one or several, which are resized to ``shape``.
        shape: of one image.
        preparation: of pictures; see `published_preparation`. Empty or None: regard's own.

    Returns:
        (B,C,H,W) in [0,1], a tensor on the device that it came from.

    Raises:
        RegardError: values outside of [0,1] or not finite, another type or number of channels, no images, or a file
            that is no picture.

    >>> float(prepare_images(torch.full((1, 3, 4, 4), 255, dtype=torch.uint8), (3, 4, 4)).max())
    1.0
    >>> prepare_images(torch.full((1, 3, 4, 4), 255.0), (3, 4, 4))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    regard.errors.RegardError: images: values go from 255 to 255, not within [0,1]; divide them by 255, or give bytes...
    """
    if isinstance(images, np.ndarray):
        images = _array(images, shape[0])
    if isinstance(images, Tensor):
        return check_range(images)
    pictures = list(images) if isinstance(images, Sequence) and not isinstance(images, str) else [images]
    if not pictures:
        raise RegardError(f"images: there are none; {_REMEDY}")
    if all(isinstance(picture, Tensor) for picture in pictures):
        raise RegardError("images: a list of tensors; stack them, torch.stack(images)")
    return torch.stack([_picture(picture, shape, preparation or {}) for picture in pictures]).float() / 255


def check_range(images: Tensor) -> Float[Tensor, "B C H W"]:
    """Images (B,C,H,W) as floats in [0,1]: bytes are divided by 255, floats checked.

    Raises:
        RegardError: values outside of [0,1] or not finite, or another type.
    """
    if images.ndim != 4:
        remedy = "one image is images[None]" if images.ndim == 3 else _REMEDY
        raise RegardError(f"images: {images.dtype} {tuple(images.shape)}; (B,C,H,W) is needed: {remedy}")
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        raise RegardError(f"images: {images.dtype}; {_REMEDY}")
    if not images.numel():
        return images
    low, high = (float(value) for value in torch.aminmax(images.detach()))
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise RegardError(f"images: {_out_of_range(low, high)}")
    return images


def _out_of_range(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "not all values are finite"
    if low >= -_SLACK and high > 2:
        remedy = "divide them by 255, or give bytes: images.to(torch.uint8)"
    elif low >= -_SLACK or low > -0.2:
        remedy = "a resize overshoots so: images.clamp(0, 1)"
    else:
        remedy = (
            "they look normalised: leave that out; regard's models do it themselves, another network goes behind it"
        )
    return f"values go from {low:.4g} to {high:.4g}, not within [0,1]; {remedy}"


def _array(array: NDArray[Any], channels: int) -> Tensor | NDArray[Any]:
    """A batch as a tensor (B,C,H,W); a single picture of bytes as it is."""
    if array.ndim in (2, 3) and array.dtype == np.uint8:
        return array
    if array.ndim == 4 and array.shape[1] != channels and array.shape[-1] == channels:
        array = array.transpose(0, 3, 1, 2)
    try:
        return torch.from_numpy(array.copy())
    except TypeError:
        raise RegardError(f"images: an array of {array.dtype} {array.shape}; {_REMEDY}") from None


def _picture(picture: Any, shape: tuple[int, int, int], preparation: Mapping[str, Any]) -> Tensor:
    """Bytes (C,H,W)."""
    channels, height, width = shape
    if channels not in (1, 3):
        raise RegardError(f"images: the model takes {channels} channels, which pictures do not have; give tensors")
    if isinstance(picture, str | Path):
        image = read_image(Path(picture))
    elif isinstance(picture, Image.Image):
        image = image_to_rgb(ImageOps.exif_transpose(picture), "images")
    elif isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and _is_picture(picture):
        image = image_to_rgb(Image.fromarray(picture), "images")
    else:
        given = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise RegardError(f"images: {given} is no picture; {_REMEDY}, or arrays (H,W) or (H,W,3) of bytes")
    prepared = _published(image, (height, width), preparation) if preparation else _covered(image, (height, width))
    return prepared if channels == 3 else to_bytes(to_pil_image(prepared).convert("L").convert("RGB"))[:1]


def _is_picture(array: NDArray[Any]) -> bool:
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))


def _covered(image: Image.Image, size: tuple[int, int]) -> Tensor:
    return to_bytes(cover(image, size, Image.Resampling.BILINEAR))


def _published(image: Image.Image, size: tuple[int, int], preparation: Mapping[str, Any]) -> Tensor:
    """As timm evaluates: resized so that the cut takes its share of the shorter side, then cut to the centre."""
    long, short = max(image.size), min(image.size)
    if long / short > _LONGEST:  # the enlarged whole would not fit into memory
        return _covered(image, size)
    bytes_: Tensor = create_transform((3, *size), **preparation, normalize=False)(image)
    return bytes_
