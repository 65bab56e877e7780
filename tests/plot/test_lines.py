"""Curves, planes and scatter plots: what is drawn is what was given, and can be read without colours."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from regard.plot import PALETTE, PlanePoint, ScatterPoint, Series, curve, overlay, plane, rasterize, scatter, sheet
from regard.types import Map, RegardError

NAN = math.nan
CVD = {  # Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as people with the deficiency see it
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(color: str, seen: np.ndarray) -> np.ndarray:
    """CIE Lab of a colour as it is seen."""
    from skimage.color import rgb2lab

    srgb = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    shown = np.clip(seen @ linear, 0, 1)
    back = np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None, None])[0, 0]


@pytest.mark.parametrize("kind", CVD)
def test_colours_are_told_apart_with_every_deficiency(kind: str) -> None:
    labs = [lab(color, np.array(CVD[kind])) for color in PALETTE]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(labs) for b in labs[:i]]
    assert min(apart) > 9, "a difference of 2.3 is just noticed"


def test_curves_are_drawn_as_given_with_gaps() -> None:
    series = [Series("own", (0, 1, 2, 3), (0.2, NAN, 0.6, 0.8), "main"), Series("twin", (0, 3), (0.3, 0.7), "control")]
    figure = curve([*series, Series("budget", (0, 3), (0.5, 0.5), "level")], ylabel="accuracy", title="T $x$")
    axis = figure.axes[0]
    own, twin, level = axis.lines
    np.testing.assert_array_equal(own.get_ydata(), [0.2, NAN, 0.6, 0.8])
    assert (own.get_color(), twin.get_color(), level.get_color()) == (PALETTE[0], PALETTE[1], "0.4")
    assert len({line.get_linestyle() for line in axis.lines}) == 3, "dashes differ as well as colours"
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("epoch", "accuracy", "T $x$")
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["own", "twin", "budget"]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0", "1", "2", "3"]
    assert rasterize(figure).std() > 0


def test_many_decades_are_logarithmic_and_few_are_not() -> None:
    wide = {"beta": [1e-4, 1e-3, 1e-1]}
    assert curve(wide, ylabel="β").axes[0].get_yscale() == "log"
    assert curve(wide, ylabel="β", decades=False).axes[0].get_yscale() == "linear"
    assert curve({"beta": [1.0, 2.0]}, ylabel="β").axes[0].get_yscale() == "linear"
    assert curve({"beta": [0.0, 200.0]}, ylabel="β").axes[0].get_yscale() == "linear"


def test_a_plane_joins_the_points_of_a_label_in_order_of_their_bits() -> None:
    points = [
        PlanePoint("aib", 20.0, 0.9, 0.85, 0.92, "20 bits"),
        PlanePoint("noise", 5.0, 0.6),
        PlanePoint("aib", 2.0, 0.7, 0.6, 0.75),
        PlanePoint("aib", NAN, 0.7),
    ]
    axis = plane(points).axes[0]
    aib, noise = (container.lines[0] for container in axis.containers)
    assert aib.get_xdata().tolist() == [2.0, 20.0]
    assert aib.get_ydata().tolist() == [0.7, 0.9]
    assert noise.get_xdata().tolist() == [5.0]
    bars = axis.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([segment[:, 1] for segment in bars], [[0.6, 0.75], [0.85, 0.92]])
    assert [text.get_text() for text in axis.texts] == ["20 bits"]
    assert aib.get_marker() != noise.get_marker()
    assert axis.get_xlabel() == "bits per image"


@pytest.mark.parametrize(
    ("bits", "entropy", "bound"),
    [
        ([1.0, 2.0, 6.0], 3.0, {1.0: 1.0, 3.0: 3.0, 6.0: 3.0}),
        ([1.0, 2.0], 3.0, {1.0: 1.0, 2.0: 2.0}),
        ([4.0, 9.0], 3.0, {4.0: 3.0, 9.0: 3.0}),
    ],
)
def test_no_network_is_above_the_bound(bits, entropy, bound) -> None:
    points = [PlanePoint("a", x, min(x, entropy) - 0.5) for x in bits]
    axis = plane(points, ylabel="I(Z;Y), bits", label_bits=entropy).axes[0]
    line = next(line for line in axis.lines if str(line.get_label()).startswith("bound"))
    assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == bound


def test_dots_of_a_label_have_one_colour_and_one_shape() -> None:
    points = [ScatterPoint("a", 0, 1, ""), ScatterPoint("b", 1, 2, ""), ScatterPoint("a", NAN, 2, "lost")]
    axis = scatter(points, xlabel="NSS", ylabel="accuracy").axes[0]
    a, b = axis.collections
    assert a.get_offsets().tolist() == [[0, 1]]
    assert b.get_offsets().tolist() == [[1, 2]]
    assert a.get_facecolor().tolist() != b.get_facecolor().tolist()
    assert a.get_paths()[0].vertices.shape != b.get_paths()[0].vertices.shape


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: curve({"a": [NAN]}, ylabel="y"), "no line has a finite point"),
        (lambda: curve({}, ylabel="y"), "no line has a finite point"),
        (lambda: plane([]), "no point is finite"),
        (lambda: plane([PlanePoint("a", -1.0, 0.5)]), "cannot be negative"),
        (lambda: scatter([ScatterPoint("a", math.inf, 1, "")], xlabel="x", ylabel="y"), "no point is finite"),
    ],
)
def test_nothing_to_draw_is_an_error(draw, says: str) -> None:
    with pytest.raises(RegardError, match=says):
        draw()


def test_names_are_text_and_one_point_is_a_figure() -> None:
    for figure in (
        curve({"$a_b^": [1.0]}, ylabel="$y$"),
        plane([PlanePoint("$a", 3.0, 0.5, name="$b^")], title="$t"),
        scatter([ScatterPoint("$a", 1, 1, "")], xlabel="$x", ylabel="$y"),
    ):
        assert rasterize(figure).shape[2] == 3


def test_figures_leave_no_state_behind() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures = [scatter([ScatterPoint("a", 1, 1, "")], xlabel="x", ylabel="y") for _ in range(30)]
    assert len(figures) == 30
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_every_figure() -> None:
    """Without pyplot nothing tells a notebook how; a figure says it itself."""
    picture = torch.zeros(1, 3, 8, 8)
    figures = [
        curve({"a": [0.0, 1.0]}, ylabel="y"),
        plane([PlanePoint("a", 1.0, 0.5)]),
        scatter([ScatterPoint("a", 1.0, 2.0, "")], xlabel="x", ylabel="y"),
        sheet(picture, Map(torch.rand(1, 1, 2, 2), "bits")),
        overlay(picture[0], Map(torch.rand(1, 1, 2, 2), "gate")),
    ]
    for figure in figures:
        with Image.open(io.BytesIO(figure._repr_png_())) as shown:
            assert shown.format == "PNG"
            assert shown.size == tuple(int(side * figure.dpi) for side in figure.get_size_inches())
