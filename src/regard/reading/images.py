"""Pictures, opened for the whole package: PNG, JPEG, WebP, TIFF, BMP and the first frame of a GIF, told by content.

A file's ending says nothing about what is in it, and Pillow's ``Image.open`` knows some forty formats, one of which
starts another program (PostScript). Here a file's first bytes choose one of six decoders, and no other can run. A
picture is refused by its header if it has more than 100 million pixels (REGARD_MAX_PIXELS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from regard.errors import RegardError
from regard.reading.regular import limit, regular_file

MAX_PIXELS = 100_000_000
_ORIENTATION = 0x0112  # EXIF tag
_REMEDY = "replace or remove the file"
_SIGNATURES: tuple[tuple[bytes, Callable[..., ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.jpeg_factory),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
)


class ImageHeader(NamedTuple):
    """Width and height in pixels, as the picture is shown: turned as its EXIF orientation says."""

    width: int
    height: int


def load_image(source: str | Path | bytes, *, turned: bool = False, name: str | None = None) -> Image.Image:
    """A picture with its pixels, in the mode of its file.

    Args:
        source: a file, or its bytes.
        turned: turn it as its EXIF orientation says.
        name: of the picture, for errors; by default the file's.

    Raises:
        RegardError: no such file, another format, a damaged one, or more pixels than REGARD_MAX_PIXELS.
    """
    with _opened(source, name) as image:
        image.load()
        return ImageOps.exif_transpose(image) if turned else image.copy()


def image_header(path: str | Path) -> ImageHeader:
    """Size of a picture as it is shown, without reading its pixels.

    Raises:
        RegardError: as `load_image`.
    """
    with _opened(path, None) as image:
        size = image.width, image.height
        exchanged = image.format != "TIFF" and image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)  # TIFF's is as shown
        return ImageHeader(*(size[::-1] if exchanged else size))


@contextmanager
def _opened(source: str | Path | bytes, name: str | None) -> Iterator[Image.Image]:
    """A picture whose size is checked; whatever Pillow raises at a damaged one (a dozen types) becomes one error."""
    if not isinstance(source, bytes):
        regular_file(source, "correct the path", what="image")
    what = name or ("picture" if isinstance(source, bytes) else str(source))
    try:
        with ExitStack() as stack:
            file = BytesIO(source if isinstance(source, bytes) else Path(source).read_bytes())
            image = stack.enter_context(_decoder(file, what)(file, what))
            most = limit("REGARD_MAX_PIXELS", MAX_PIXELS)
            if image.width * image.height > most:
                raise RegardError(
                    f"{what}: {image.width}x{image.height} pixels are more than {most:,}; shrink the image, or, if you "
                    f"trust it, set the environment variable REGARD_MAX_PIXELS to {image.width * image.height}"
                )
            yield image
    except RegardError:
        raise
    except MemoryError:
        raise RegardError(f"{what}: does not fit into memory; shrink the image") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RegardError(f"{what}: damaged image ({reason[:200]}); {_REMEDY}") from None


def _decoder(file: IO[bytes], what: str) -> Callable[..., ImageFile.ImageFile]:
    start = file.read(16)
    file.seek(0)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    for signature, decoder in _SIGNATURES:
        if start.startswith(signature):
            return decoder
    raise RegardError(
        f"{what}: not an image that can be read: its content is neither PNG, JPEG, WebP, TIFF, BMP nor GIF; {_REMEDY}"
    )
