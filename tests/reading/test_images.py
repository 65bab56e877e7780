"""The one function that opens pictures: by content, six formats, bounded, and never anything but a regular file."""

import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
from regard.data import cover, read_image
from regard.gaze import image_sizes
from regard.reading import image_header, load_image
from regard.types import RegardError

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(touch executed) pop\nshowpage\n"
FOREIGN = {
    "postscript": POSTSCRIPT,
    "dos eps": b"\xc5\xd0\xd3\xc6" + b"\0" * 26 + POSTSCRIPT,
    "ppm": b"P6 1 1 255\n\0\0\0",
    "xpm": b"/* XPM */\n",
    "fits": b"SIMPLE  =                    T",
    "psd": b"8BPS\0\1" + b"\0" * 30,
    "ico": b"\0\0\1\0\1\0",
    "wmf": b"\xd7\xcd\xc6\x9a\0\0",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "empty": b"",
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("read", [read_image, image_header])
def test_other_formats_are_refused_whatever_the_ending(tmp_path, monkeypatch, kind, read):
    def executed(*_args, **_options):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", executed)
    path = tmp_path / "bird.png"
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(RegardError, match=r"bird\.png: not an image that can be read.*replace or remove"):
        read(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_six_formats_are_read_by_content(tmp_path, format):
    pixels = np.full((6, 9, 3), (255, 0, 0), np.uint8)
    options = {"lossless": True} if format == "WEBP" else {}
    Image.fromarray(pixels).save(tmp_path / "a", format, **options)
    (tmp_path / "a").rename(tmp_path / "a.xyz")
    assert image_header(tmp_path / "a.xyz") == (9, 6)
    assert np.abs(np.asarray(read_image(tmp_path / "a.xyz")).astype(int) - pixels).max() <= 2


def test_of_a_gif_the_first_frame_is_read(tmp_path):
    frames = [Image.new("L", (4, 3), value) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert set(np.asarray(read_image(tmp_path / "a.gif")).ravel()) == {10}


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    for path, what in ((tmp_path / "x.png", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(RegardError, match=what):
            load_image(path)
    with pytest.raises(RegardError, match="has no images"):
        image_sizes(tmp_path)


def png(width, height):
    """A PNG whose header says so, and which holds one row of zeros."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 10)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (100_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_by_the_header(tmp_path, width, height):
    (tmp_path / "bomb.png").write_bytes(png(width, height))
    with pytest.raises(RegardError, match=rf"bomb\.png: {width}x{height} pixels are more than 100,000,000"):
        load_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("value", ["banana", "0", "-4", "²", "1e9"])
def test_a_limit_that_is_no_number_is_named(tmp_path, monkeypatch, value):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    monkeypatch.setenv("REGARD_MAX_PIXELS", value)
    with pytest.raises(RegardError, match=r"REGARD_MAX_PIXELS=.*whole number above 0"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize(("width", "height"), [(30_000, 1), (1, 30_000), (90_000, 3)])
def test_a_long_thin_picture_is_cut_without_enlarging_it_whole(width, height):
    rows = np.arange(width * height).reshape(height, width) % 251
    image = Image.fromarray(rows.astype(np.uint8))
    allocated = []
    resize = Image.Image.resize

    class Watched(Image.Image):
        pass

    def watched(self, size, *args, **options):
        allocated.append(size[0] * size[1])
        return resize(self, size, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "resize", watched)
        out = cover(image, (224, 224), Image.Resampling.BILINEAR)
    assert out.size == (224, 224)
    assert max(allocated) <= 2**25
    middle = rows[height // 2, width // 2] if min(width, height) > 1 else rows.ravel()[rows.size // 2]
    assert abs(int(np.asarray(out)[112, 112]) - int(middle)) <= 2


def test_nothing_else_in_the_package_opens_pictures_or_arrays():
    root = Path(regard.__file__).parent
    ways = re.compile(
        r"\bImage\.open\(|\bnp\.load\(|\bjson\.loads?\((?!json)|yaml\.(safe_)?load\(|(?<!\.)\bpickle\.load"
    )
    allowed = {
        "reading/plain_data.py",  # the readers themselves
        "training/stem_cache.py",  # mapped from the user's own cache
        "experiments/grid/cell.py",  # a request through JSON and back
        "data/transforms.py",  # a transform of a recipe, through JSON and back
        "pytrees.py",  # the structure of an output, from a program that torch.export reads
    }
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if ways.search(path.read_text(encoding="utf-8"))
    }
    assert found <= allowed
