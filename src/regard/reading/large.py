"""Pictures larger than a network sees: averages of small size, and windows in full resolution, decoded once.

A tiled TIFF (and one of short strips) is read tile by tile, so that it may be larger than memory. Other pictures are
decoded whole, once, and may have as many pixels as any other (REGARD_MAX_PIXELS).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from regard.errors import RegardError
from regard.reading.images import MAX_PIXELS, load_image
from regard.reading.regular import limit, regular_file

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REMEDY = "write it as a tiled TIFF of 8-bit RGB, such as by `vips tiffsave IMAGE OUT.tif --tile --compression deflate`"
_SLACK = 4096
"""Bytes by which a tile's compressed form may be longer than twice its pixels."""

PixelBox = tuple[int, int, int, int]
"""top, left, bottom, right in pixels."""


class LargePicture(Protocol):
    """A picture of which parts are read.

    Attributes:
        height: pixels.
        width: pixels.
    """

    @property
    def height(self) -> int: ...  # noqa: D102

    @property
    def width(self) -> int: ...  # noqa: D102

    def window(self, box: PixelBox) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels inside of a box."""
        ...


@contextmanager
def open_large(path: str | Path) -> Iterator[LargePicture]:
    """A picture of which parts are read; closed at the end of the block.

    Raises:
        RegardError: no such file, none of the known formats, or one that cannot be read in parts and is too large.

    >>> from PIL import Image
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
    ...     Image.new("RGB", (8, 4), (0, 0, 255)).save(file, "png")
    ...     with open_large(file.name) as picture:
    ...         picture.height, picture.width, picture.window((0, 0, 1, 1)).tolist()
    (4, 8, [[[0, 0, 255]]])
    """
    regular_file(path, "correct the path", what="image")
    with Path(path).open("rb") as file:
        tiff = file.read(4) in _TIFF
    if tiff:
        with _opened_tiff(Path(path)) as page:
            yield _TiffPicture(page, str(path)) if _is_in_parts(page) else _Decoded(_rgb(path))
    else:
        yield _Decoded(_rgb(path))


def averages(picture: LargePicture, box: PixelBox, size: tuple[int, int]) -> Float[np.ndarray, "gh gw 3"]:
    """Means of the pixels of a box over a grid of ``size``, as of `torch.nn.functional.adaptive_avg_pool2d`.

    A row of the grid is read at a time.

    Raises:
        RegardError: a box that is smaller than the grid, or one that leaves the picture.
    """
    top, left, bottom, right = _checked(picture, box)
    height, width = bottom - top, right - left
    if height < size[0] or width < size[1]:
        raise RegardError(
            f"averages: {height}x{width} pixels are fewer than {size[0]}x{size[1]}; give a larger picture"
        )
    columns = np.arange(size[1])
    begin, end = columns * width // size[1], -((-(columns + 1) * width) // size[1])
    rows = []
    for row in range(size[0]):
        first, last = row * height // size[0], math.ceil((row + 1) * height / size[0])
        strip = picture.window((top + first, left, top + last, right)).sum(0, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, 3)), strip.cumsum(0)])
        rows.append((sums[end] - sums[begin]) / ((end - begin) * (last - first))[:, None])
    return np.stack(rows)


def _checked(picture: LargePicture, box: PixelBox) -> PixelBox:
    top, left, bottom, right = box
    if not (0 <= top < bottom <= picture.height and 0 <= left < right <= picture.width):
        raise RegardError(
            f"window {box} (top, left, bottom, right) of a picture of {picture.height}x{picture.width} pixels; it must "
            "lie inside"
        )
    return box


def _rgb(path: str | Path) -> NDArray[np.uint8]:
    try:
        image = load_image(path, turned=True)
    except RegardError as error:
        if "REGARD_MAX_PIXELS" not in str(error):
            raise
        raise RegardError(f"{error}; or, so that it is read by window, {_REMEDY}") from None
    if image.mode not in ("RGB", "L"):
        raise RegardError(f"{path}: pixel format {image.mode!r}; save it as 8-bit grey or RGB")
    return np.asarray(image.convert("RGB"))


class _Decoded:
    """A picture in memory (H,W,3)."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def window(self, box: PixelBox) -> NDArray[np.uint8]:
        top, left, bottom, right = _checked(self, box)
        return self._pixels[top:bottom, left:right]


class _TiffPicture:
    """The first page of a TIFF in tiles or strips; those of two rows of tiles are kept."""

    def __init__(self, page: tifffile.TiffPage, what: str) -> None:
        self._page, self._what = page, what
        self.height, self.width = page.imagelength, page.imagewidth
        self._size = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        self._across = -(-self.width // self._size[1])
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self.decoded = 0

    def window(self, box: PixelBox) -> NDArray[np.uint8]:
        top, left, bottom, right = _checked(self, box)
        out = np.zeros((bottom - top, right - left, 3), np.uint8)
        (th, tw), across = self._size, self._across
        for row in range(top // th, -(-bottom // th)):
            for column in range(left // tw, -(-right // tw)):
                tile = self._tile(row * across + column)
                y, x = row * th, column * tw
                y0, y1, x0, x1 = (
                    max(top, y),
                    min(bottom, y + tile.shape[0]),
                    max(left, x),
                    min(right, x + tile.shape[1]),
                )
                out[y0 - top : y1 - top, x0 - left : x1 - left] = tile[y0 - y : y1 - y, x0 - x : x1 - x]
        return out

    def _tile(self, number: int) -> NDArray[np.uint8]:
        if number not in self._kept:
            self._kept[number] = self._decode(number)
            while len(self._kept) > 2 * self._across:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def _decode(self, number: int) -> NDArray[np.uint8]:
        self.decoded += 1
        page = self._page
        raw = self._size[0] * self._size[1] * page.samplesperpixel
        if page.databytecounts[number] > 2 * raw + _SLACK:
            raise RegardError(
                f"{self._what}: tile {number} of {raw:,} bytes is stored in {page.databytecounts[number]:,}; replace "
                "the file"
            )
        try:
            file = page.parent.filehandle
            file.seek(page.dataoffsets[number])
            tile: Any = page.decode(file.read(page.databytecounts[number]), number)[0]
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RegardError(f"{self._what}: tile {number} cannot be read ({reason}); {_REMEDY}") from None
        if tile is None:  # sparse files leave tiles out
            return np.zeros((*self._size, 3), np.uint8)
        colours: NDArray[np.uint8] = tile[0, ..., :3]
        return np.broadcast_to(colours, (*colours.shape[:2], 3))


@contextmanager
def _opened_tiff(path: Path) -> Iterator[tifffile.TiffPage]:
    try:
        file = tifffile.TiffFile(path)
    except Exception as error:
        raise RegardError(f"{path}: damaged TIFF ({' '.join(str(error).split())[:200]}); replace the file") from None
    with file:
        try:
            page = file.pages[0]
        except Exception as error:
            raise RegardError(f"{path}: damaged TIFF ({' '.join(str(error).split())[:200]}); replace it") from None
        assert isinstance(page, tifffile.TiffPage)
        yield page


def _is_in_parts(page: tifffile.TiffPage) -> bool:
    """Whether tiles are small enough to be read one by one, of a kind that is read here; else it is read whole."""
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    orientation = page.tags.get("Orientation")
    return (
        page.dtype == np.uint8
        and page.samplesperpixel in (1, 3, 4)
        and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
        and page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
        and (orientation is None or orientation.value == 1)
        and page.imagedepth == 1
        and 2 * rows * max(columns, page.imagewidth) <= limit("REGARD_MAX_PIXELS", MAX_PIXELS)
    )
