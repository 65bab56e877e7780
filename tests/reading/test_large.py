"""Pictures of which parts are read: windows and averages as of the whole, tile by tile, within little memory."""

import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from regard.reading import averages, open_large
from regard.types import RegardError

KINDS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (32, 48)},
    "tiles, deflated": {"tile": (64, 64), "compression": "zlib"},
    "tiles, predicted": {"tile": (64, 64), "compression": "zlib", "predictor": True},
    "big": {"tile": (32, 32), "bigtiff": True},
    "other bytes": {"tile": (32, 32), "byteorder": ">"},
    "strips": {"rowsperstrip": 7},
    "one strip": {},
}


def pixels(height: int = 150, width: int = 203) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def written(path: Path, kind: str, values: NDArray[np.uint8]) -> Path:
    if kind in KINDS:
        tifffile.imwrite(path, values, photometric="rgb", **KINDS[kind])
    else:
        Image.fromarray(values).save(path, kind)
    return path


@pytest.mark.parametrize("kind", [*KINDS, "png", "bmp"])
def test_windows_are_those_of_the_whole(kind: str, tmp_path: Path) -> None:
    values = pixels()
    with open_large(written(tmp_path / "one", kind, values)) as picture:
        assert (picture.height, picture.width) == (150, 203)
        for top, left, bottom, right in ((0, 0, 150, 203), (31, 47, 33, 49), (149, 202, 150, 203), (64, 5, 128, 200)):
            assert np.array_equal(picture.window((top, left, bottom, right)), values[top:bottom, left:right])


@pytest.mark.parametrize("kind", ["tiles", "strips", "png"])
@pytest.mark.parametrize("size", [(1, 1), (7, 11), (24, 32), (150, 203)])
def test_averages_are_those_that_a_network_would_take(kind: str, size: tuple[int, int], tmp_path: Path) -> None:
    values = pixels()
    with open_large(written(tmp_path / "one", kind, values)) as picture:
        for top, left, bottom, right in ((0, 0, 150, 203),) if size[0] == 150 else ((0, 0, 150, 203), (3, 9, 140, 201)):
            own = averages(picture, (top, left, bottom, right), size)
            part = torch.from_numpy(values[top:bottom, left:right]).double().permute(2, 0, 1)
            assert np.allclose(own, adaptive_avg_pool2d(part, size).permute(1, 2, 0).numpy(), atol=1e-9)


@pytest.mark.parametrize(("photometric", "channels"), [("minisblack", 1), ("rgb", 4)])
def test_grey_and_transparent_tiles_are_colours(photometric: str, channels: int, tmp_path: Path) -> None:
    values = pixels()[..., [0, 1, 2, 0]][..., :channels]
    options = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "one.tif", values.squeeze(), photometric=photometric, tile=(32, 32), **options)
    with open_large(tmp_path / "one.tif") as picture:
        window = picture.window((10, 20, 40, 60))
    assert np.array_equal(window, np.broadcast_to(values[10:40, 20:60, :3], (30, 40, 3)))


def test_a_picture_larger_than_the_limit_is_read_tile_by_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """17 million pixels, 50 million bytes: each tile is decoded once, within a third of the memory."""
    side, tile = 4096, 256

    def tiles() -> Iterator[NDArray[np.uint8]]:
        for number in range((side // tile) ** 2):
            yield np.full((tile, tile, 3), number % 251, np.uint8)

    path = tmp_path / "large.tif"
    shape = {"shape": (side, side, 3), "dtype": np.uint8, "tile": (tile, tile)}
    tifffile.imwrite(path, tiles(), photometric="rgb", compression="zlib", **shape)
    monkeypatch.setenv("REGARD_MAX_PIXELS", "5000000")
    tracemalloc.start()
    with open_large(path) as picture:
        means = averages(picture, (0, 0, side, side), (32, 32))
        assert picture.decoded == (side // tile) ** 2  # type: ignore[attr-defined]
        corner = picture.window((side - 300, side - 300, side, side))
        most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    across = side // tile
    numbers = np.arange(across**2).reshape(across, across) % 251
    assert np.allclose(means, numbers.repeat(2, 0).repeat(2, 1)[..., None])
    assert corner[0, 0].tolist() == [(across**2 - across - 2) % 251] * 3
    assert corner[-1, -1].tolist() == [(across**2 - 1) % 251] * 3
    assert most < side * side * 3 / 3


def test_what_cannot_be_read_in_parts_and_is_too_large_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGARD_MAX_PIXELS", "20000")
    for kind in ("png", "one strip"):
        path = written(tmp_path / "one", kind, pixels())
        with pytest.raises(RegardError, match=r"203x150 pixels.*read by window, write it as a tiled TIFF.*vips"):
            open_large(path).__enter__()
    with open_large(written(tmp_path / "one", "tiles", pixels())) as picture:
        assert picture.window((0, 0, 1, 1)).shape == (1, 1, 3)


@pytest.mark.parametrize("damage", ["empty", "header", "tile", "count", "text"])
def test_damaged_files_are_named(damage: str, tmp_path: Path) -> None:
    path = written(tmp_path / "one.tif", "tiles, deflated", pixels())
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        offset, count = page.dataoffsets[0], page.tags["TileByteCounts"].valueoffset
    if damage == "tile":
        content[offset : offset + 40] = bytes(40)
    elif damage == "count":
        content[count : count + 4] = struct.pack("<I", 10**9)
    else:
        content = bytearray({"empty": b"", "header": bytes(content[:8]), "text": b"no picture"}[damage])
    path.write_bytes(bytes(content))
    with pytest.raises(RegardError, match=r"one\.tif"), open_large(path) as picture:
        picture.window((0, 0, 10, 10))


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 151, 5), (0, 0, 5, 204), (5, 5, 4, 9)])
def test_windows_outside_are_refused(box: tuple[int, int, int, int], tmp_path: Path) -> None:
    with (
        open_large(written(tmp_path / "one", "tiles", pixels())) as picture,
        pytest.raises(RegardError, match="150x203 pixels; it must lie inside"),
    ):
        picture.window(box)
    with pytest.raises(RegardError, match="absent: no such image"), open_large(tmp_path / "absent"):
        pass
    with open_large(tmp_path / "one") as picture, pytest.raises(RegardError, match="5x5 pixels are fewer than 6x5"):
        averages(picture, (0, 0, 5, 5), (6, 5))
