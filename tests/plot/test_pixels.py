import io
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from regard.plot import Scale, blend, color_stops, colorize, enlarge, picture_of, png, scale_of, write_png
from regard.types import Map, RegardError

UNIT = Scale(0.0, 1.0, "gate")


def test_colours_are_matplotlibs_on_the_given_scale() -> None:
    values = np.array([[2.0, 3.0], [4.0, 6.0]])
    expected = colormaps["inferno"](np.rint((values - 2) / 4 * 255).astype(int), bytes=True)[..., :3]
    np.testing.assert_array_equal(colorize(values, Scale(2, 6, "bits")), expected)


def test_brightness_rises_with_the_value() -> None:
    grey = np.asarray(Image.fromarray(colorize(np.linspace(0, 1, 60)[None], UNIT)).convert("L"), dtype=int)[0]
    assert (np.diff(grey) >= 0).all()


def test_beyond_the_scale_is_its_end_and_undefined_is_grey() -> None:
    drawn = colorize(np.array([[-1.0, 0.0], [1.0, 2.0], [np.nan, np.inf]]), UNIT)
    np.testing.assert_array_equal(drawn[0, 0], drawn[0, 1])
    np.testing.assert_array_equal(drawn[1, 0], drawn[1, 1])
    assert (drawn[2] == 128).all()


@pytest.mark.parametrize(
    ("maps", "unit", "scale"),
    [
        ([[[0.2, 0.4]]], "gate", (0, 1)),
        ([[[0.2, 1.4]]], "gate", (0, 1.4)),
        ([[[0.2, 0.4]], [[3.0, 0.1]]], "bits", (0, 3)),
        ([[[0.0, 0.0]]], "bits", (0, 1)),
        ([[[2.0, 5.0]], [[1.0, np.nan]]], "relevance", (1, 5)),
        ([[[-2.0, 5.0]], [[1.0, np.nan]]], "relevance", (-5, 5)),
        ([[[-7.0, -5.0]]], "relevance", (-7, 7)),
        ([[[7.0, 7.0]]], "relevance", (7, 8)),
        ([[[np.nan]]], "relevance", (0, 1)),
        ([], "bits", (0, 1)),
    ],
)
def test_one_scale_for_all_maps(maps: list, unit: str, scale: tuple[float, float]) -> None:
    limits = scale_of([np.array(m) for m in maps], unit)
    assert (limits.low, limits.high, limits.unit) == (*scale, unit)


def test_enlarging_agrees_with_map_resize() -> None:
    values = np.random.default_rng(0).random((3, 5)).astype(np.float32)
    expected = Map(torch.from_numpy(values)[None, None], "gate").resize((7, 11)).values[0, 0].numpy()
    np.testing.assert_array_equal(enlarge(values, (7, 11)), expected)


def test_a_blend_runs_from_image_to_colours() -> None:
    rng = np.random.default_rng(0)
    image, values = rng.integers(0, 256, (7, 11, 3), dtype=np.uint8), rng.random((3, 5))
    colours = colorize(enlarge(values, (7, 11)), UNIT)
    np.testing.assert_array_equal(blend(image, values, UNIT, 0), image)
    np.testing.assert_array_equal(blend(image, values, UNIT, 1), colours)
    half = (image.astype(float) + colours) / 2
    assert np.abs(blend(image, values, UNIT, 0.5) - half).max() <= 0.5


def test_one_pixel() -> None:
    assert blend(np.zeros((1, 1, 3), np.uint8), np.ones((1, 1)), UNIT, 1).shape == (1, 1, 3)


def test_arrays_that_are_no_image_are_refused() -> None:
    values = np.ones((2, 2))
    with pytest.raises(RegardError, match=r"float64\(4, 4, 3\), expected uint8"):
        blend(np.zeros((4, 4, 3)), values, UNIT)
    with pytest.raises(RegardError, match=r"opacity is 1\.5"):
        blend(np.zeros((4, 4, 3), np.uint8), values, UNIT, 1.5)
    with pytest.raises(RegardError, match=r"shape \(2, 2, 2\)"):
        colorize(np.ones((2, 2, 2)), UNIT)
    with pytest.raises(RegardError, match=r"shape \(1, 4, 4\)"):
        picture_of(torch.zeros(1, 4, 4))


def test_a_tensor_becomes_the_same_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(picture_of(torch.from_numpy(picture).permute(2, 0, 1) / 255), picture)
    assert picture_of(torch.full((3, 1, 1), 1.5)).tolist() == [[[255, 255, 255]]]


def test_png_keeps_every_pixel(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
    np.testing.assert_array_equal(np.asarray(Image.open(write_png(tmp_path / "a.png", picture))), picture)


def test_a_scale_bar_has_the_maps_colours() -> None:
    low, *_, high = color_stops(5)
    ends = colorize(np.array([[0.0, 1.0]]), UNIT)[0]
    assert [low, high] == ["#{:02x}{:02x}{:02x}".format(*c) for c in ends.tolist()]


def test_signed_relevance_is_dark_at_zero_with_a_colour_for_each_sign():
    scale = scale_of([np.array([[-1.0, 0.0, 4.0]])], "relevance")
    against, nothing, speaks_for = colorize(np.array([[-4.0, 0.0, 4.0]]), scale)[0].astype(int)
    assert nothing.max() < 40
    assert against[2] > against[0] + 50
    assert speaks_for[0] > speaks_for[2] + 50
