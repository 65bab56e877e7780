import numpy as np
import pytest

from regard.report.overlay import Scale, colorize, sheet
from regard.types import RegardError


def test_all_rows_share_the_scale_of_all_maps() -> None:
    images = [np.zeros((20, 20, 3), np.uint8)] * 2
    drawn = sheet(images, [np.full((4, 4), 2.0), np.full((4, 4), 8.0)], unit="bits")
    colours = {tuple(c) for c in drawn[::7, ::7].reshape(-1, 3).tolist()}
    scale = Scale(0, 8, "bits")
    for value in (2.0, 8.0):
        assert tuple(colorize(np.array([[value]]), scale)[0, 0].tolist()) in colours


def test_a_given_scale_is_kept() -> None:
    image = [np.zeros((20, 20, 3), np.uint8)]
    alone = sheet(image, [np.full((4, 4), 2.0)], unit="bits")
    on_scale = sheet(image, [np.full((4, 4), 2.0)], unit="bits", scale=Scale(0, 8, "bits"))
    assert not np.array_equal(alone, on_scale)


@pytest.mark.parametrize("title", ["a$b$ {x} \\frac", "<script>alert(1)</script>", "x" * 500, "two\nlines", "漢字 🐦"])
def test_a_hostile_title_is_only_text(title: str) -> None:
    plain = sheet([np.zeros((8, 8, 3), np.uint8)], [np.ones((2, 2))], unit="gate", titles=["ok"])
    assert sheet([np.zeros((8, 8, 3), np.uint8)], [np.ones((2, 2))], unit="gate", titles=[title]).shape == plain.shape


def test_images_of_different_shapes() -> None:
    images = [np.zeros((10, 40, 3), np.uint8), np.zeros((40, 10, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)]
    drawn = sheet(images, [np.eye(3), np.eye(2), np.ones((1, 1))], unit="relevance")
    assert drawn.dtype == np.uint8
    assert drawn.shape[2] == 3


def test_numbers_must_match() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(RegardError, match="2 images for 1 maps"):
        sheet([image, image], [np.eye(2)], unit="gate")
    with pytest.raises(RegardError, match="0 images"):
        sheet([], [], unit="gate")
    with pytest.raises(RegardError, match="titles"):
        sheet([image], [np.eye(2)], unit="gate", titles=[])
