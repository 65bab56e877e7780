"""Figures of maps: one scale and unit on every bar, tensors and pictures alike, titles as text."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from regard.plot import Scale, blend, colorize, method_sheet, overlay, picture_of, rasterize, sheet
from regard.types import Map, RegardError


def test_all_rows_share_the_scale_of_all_maps() -> None:
    images = [np.zeros((20, 20, 3), np.uint8)] * 2
    drawn = rasterize(sheet(images, [np.full((4, 4), 2.0), np.full((4, 4), 8.0)], unit="bits"))
    colours = {tuple(c) for c in drawn[::7, ::7].reshape(-1, 3).tolist()}
    scale = Scale(0, 8, "bits")
    for value in (2.0, 8.0):
        assert tuple(colorize(np.array([[value]]), scale)[0, 0].tolist()) in colours


def test_a_given_scale_is_kept() -> None:
    image = [np.zeros((20, 20, 3), np.uint8)]
    alone = rasterize(sheet(image, [np.full((4, 4), 2.0)], unit="bits"))
    on_scale = rasterize(sheet(image, [np.full((4, 4), 2.0)], unit="bits", scale=Scale(0, 8, "bits")))
    assert not np.array_equal(alone, on_scale)


@pytest.mark.parametrize("title", ["a$b$ {x} \\frac", "<script>alert(1)</script>", "x" * 500, "two\nlines", "漢字 🐦"])
def test_a_hostile_title_is_only_text(title: str) -> None:
    plain = rasterize(sheet([np.zeros((8, 8, 3), np.uint8)], [np.ones((2, 2))], unit="gate", titles=["ok"]))
    other = rasterize(sheet([np.zeros((8, 8, 3), np.uint8)], [np.ones((2, 2))], unit="gate", titles=[title]))
    assert other.shape == plain.shape


def test_images_of_different_shapes() -> None:
    images = [np.zeros((10, 40, 3), np.uint8), np.zeros((40, 10, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)]
    drawn = rasterize(sheet(images, [np.eye(3), np.eye(2), np.ones((1, 1))], unit="relevance"))
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


@pytest.mark.parametrize(
    ("unit", "label"), [("gate", "gate"), ("bits", "bits per position"), ("relevance", "relevance, no unit")]
)
def test_every_bar_has_its_unit(unit, label) -> None:
    maps = Map(torch.rand(2, 1, 3, 5), unit)
    images = torch.rand(2, 3, 20, 30)
    assert sheet(images, maps).axes[-1].get_ylabel() == f"{label}, one scale for all"
    assert sheet(images[:1], Map(maps.values[:1], unit)).axes[-1].get_ylabel() == label
    figure = overlay(images[0], Map(maps.values[:1], unit))
    assert figure.axes[-1].get_ylabel() == label
    assert isinstance(figure, Figure)


def test_an_overlay_is_the_blend_of_image_and_map() -> None:
    image, values = torch.rand(3, 20, 30), torch.rand(1, 1, 4, 6)
    figure = overlay(image, Map(values, "gate"), opacity=0.3, title="a bird")
    drawn = figure.axes[0].images[0].get_array()
    scale = Scale(0.0, 1.0, "gate")
    np.testing.assert_array_equal(drawn, blend(picture_of(image), values[0, 0].numpy(), scale, 0.3))
    assert [text.get_text() for text in figure.texts] == ["a bird"]
    low, high = figure.axes[1].get_ylim()
    assert (low, high) == (0.0, 1.0)


def test_tensors_and_pictures_give_the_same_figure() -> None:
    images, maps = torch.rand(2, 3, 20, 30), Map(torch.rand(2, 1, 3, 5), "bits")
    pictures = [picture_of(image) for image in images]
    plain = sheet(pictures, list(maps.values[:, 0].numpy()), unit="bits", titles=["a", "b"])
    np.testing.assert_array_equal(rasterize(sheet(images, maps, titles=["a", "b"])), rasterize(plain))


def test_signed_relevance_has_a_bar_with_zero_in_its_middle() -> None:
    figure = overlay(torch.rand(3, 9, 9), Map(torch.tensor([[[[-1.0, 3.0]]]]), "relevance"))
    assert figure.axes[-1].get_ylim() == (-3.0, 3.0)


def test_what_cannot_be_drawn_is_refused() -> None:
    image = torch.rand(3, 8, 8)
    with pytest.raises(RegardError, match="values without a unit; give a Map"):
        overlay(image, np.eye(2))
    with pytest.raises(RegardError, match="unit is 'gate', but the maps are in 'bits'"):
        overlay(image, Map(torch.rand(1, 1, 2, 2), "bits"), unit="gate")
    with pytest.raises(RegardError, match=r"one map was expected, not 2; regard\.plot\.sheet"):
        overlay(image, Map(torch.rand(2, 1, 2, 2), "bits"))
    with pytest.raises(RegardError, match=r"shape \(1, 8, 8\)"):
        overlay(image[:1], Map(torch.rand(1, 1, 2, 2), "bits"))
    with pytest.raises(RegardError, match="no maps"):
        method_sheet(picture_of(image), {}, title="")


def test_several_methods_stand_with_their_ends_and_units() -> None:
    maps = {"grad_cam": Map(torch.full((1, 1, 2, 2), 0.25), "relevance"), "iba": Map(torch.zeros(1, 1, 2, 2), "bits")}
    figure = method_sheet(picture_of(torch.rand(3, 20, 30)), maps, title="$x$")
    words = [text.get_text() for text in figure.texts]
    assert words == ["$x$", "image", "30 × 20", "grad_cam", "0.25 to 0.25 relevance, 2 × 2", "iba", "zero everywhere"]
    assert len(figure.axes) == 3
