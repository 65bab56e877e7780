"""Sizes and pixels are those of the image as it is shown."""

import numpy as np
import pytest
from PIL import Image

from regard.data import read_image
from regard.gaze import fixated_pixels, image_size, image_sizes, read_folder
from regard.types import RegardError

TURNED = (5, 6, 7, 8)


def save(path, orientation, size=(64, 48)):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (200, 30, 30)).save(path, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_the_size_is_that_of_the_pixels_that_are_read(tmp_path, ending, orientation):
    path = tmp_path / f"a.{ending}"
    save(path, orientation)
    assert image_size(path) == ((64, 48) if orientation in TURNED else (48, 64))
    assert read_image(path).size == image_size(path)[::-1]


@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_gaze_on_turned_photographs_is_in_pixels_as_shown(tmp_path, orientation):
    (tmp_path / "img").mkdir()
    save(tmp_path / "img" / "a.jpg", orientation)
    height, width = image_sizes(tmp_path / "img")["a.jpg"]
    rows = [f"a.jpg,{x},{y}" for x in (0, width - 0.5) for y in (0, height - 0.5)]
    (tmp_path / "gaze.csv").write_text("image,x,y\n" + "\n".join(rows) + "\n")
    f = read_folder(tmp_path / "img", tmp_path / "gaze.csv")
    assert (f.x.max(), f.y.max()) == (width - 0.5, height - 0.5)


def test_maps_of_fixated_pixels_are_turned_too(tmp_path):
    values = np.zeros((4, 6), dtype=np.uint8)
    values[0, 5] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise: the upper right corner becomes the lower right one
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    size, x, y = fixated_pixels(tmp_path / "a.png")
    assert (size, x.tolist(), y.tolist()) == ((6, 4), [3], [5])
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with pytest.raises(RegardError, match=r"b\.png: damaged image"):
        fixated_pixels(tmp_path / "b.png")
