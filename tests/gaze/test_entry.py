"""A table of gaze is checked once, where it enters: the cause is named with its option, and the option mends it."""

import numpy as np
import pytest

from regard.gaze import make_fixations
from regard.types import RegardError

SIZE = (480, 640)
RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0, 640, 60), RNG.uniform(0, 480, 60)


def make(x, y, **options):
    return make_fixations(image=["a"] * len(x), x=x, y=y, sizes={"a": SIZE}, **options)


def fractions(extra=()):
    x, y = X / 640, Y / 480
    return np.append(x, [p[0] for p in extra]), np.append(y, [p[1] for p in extra])


@pytest.mark.parametrize(
    "extra",
    [[], [(1.06, 0.5)], [(1.4, 0.2), (0.3, -0.2), (1.02, 1.3)], [(-1, -1)] * 20, [(0, 0)] * 20],
    ids=["inside", "one past the edge", "some past", "lost gaze as -1", "lost gaze as 0"],
)
@pytest.mark.parametrize("points_outside", ["raise", "drop"])
def test_fractions_are_named_though_some_look_past_the_border(extra, points_outside):
    x, y = fractions(extra)
    with pytest.raises(RegardError, match=r"fractions of the image.*--units fraction \(units='fraction'\)"):
        make(x, y, points_outside=points_outside)


def test_fractions_become_pixels():
    x, y = fractions([(1.06, 0.5), (0.5, -0.1)])
    with pytest.raises(RegardError, match=r"2 of 62 fixations .* \(x=678.4, y=240\)"):
        make(x, y, units="fraction")
    f = make(x, y, units="fraction", points_outside="drop")
    np.testing.assert_allclose(f.x, X)
    np.testing.assert_allclose(f.y, Y)
    assert f.dropped == 2
    with pytest.raises(RegardError, match=r"no fractions of the image.*leave --units fraction out"):
        make(X, Y, units="fraction")


def test_fractions_from_the_centre_are_named():
    with pytest.raises(RegardError, match="from its centre"):
        make(2 * X / 640 - 1, 1 - 2 * Y / 480)


@pytest.mark.parametrize(
    "points",
    [[(0.2, 0.7), (0.9, 0.1)], [(0.5, 0.5)], [(0.1, 0.3), (0.4, 0.9), (0.8, 0.2)]],
    ids=["two", "one", "three"],
)
def test_a_part_of_a_good_table_is_not_guessed_about(points):
    """All gaze of a viewing in the corner, all durations short: right as parts of a table that is right as a whole."""
    n = len(points)
    x, y = np.append(X, [p[0] for p in points]), np.append(Y, [p[1] for p in points])
    names = ["a"] * len(X) + ["b"] * n
    duration = [200.0] * len(X) + [4.0] * n
    whole = make_fixations(image=names, x=x, y=y, duration=duration, sizes={"a": SIZE, "b": SIZE})
    part = whole.select(images=["b"])
    assert part.x.tolist() == [p[0] for p in points]
    assert part.duration.tolist() == [4.0] * n
    assert len(whole.rows(whole.x < 1)) == n
    assert len(whole.rescale((48, 64)).select(images=["b"])) == n


def test_stated_units_are_believed():
    x, y = [0.2, 0.9, 0.4], [0.7, 0.1, 0.3]
    with pytest.raises(RegardError, match="--units pixels takes them as they are"):
        make(x, y)
    assert make(x, y, units="pixels").x.tolist() == x
    durations = [0.2, 0.3, 0.25]
    for unit, factor in {"s": 1, "us": 1e6, "ns": 1e9}.items():
        values = [factor * d for d in durations]
        with pytest.raises(RegardError, match=f"--duration-unit {unit} "):
            make(X[:3], Y[:3], duration=values)
        assert make(X[:3], Y[:3], duration=values, duration_unit=unit).duration == pytest.approx([200, 300, 250])
    assert make(X[:3], Y[:3], duration=[1, 2, 3], duration_unit="ms").duration.tolist() == [1, 2, 3]


@pytest.mark.parametrize("point", [(640.0, 10.0), (-0.5, 10.0), (10.0, 480.0), (float("nan"), 3.0), (1e9, 1e9)])
def test_one_point_outside_is_named_with_the_option_that_leaves_it_out(point):
    x, y = np.append(X, point[0]), np.append(Y, point[1])
    with pytest.raises(RegardError, match=r"1 of 61 .* row 60 .*--points-outside drop \(points_outside='drop'"):
        make(x, y)
    f = make(x, y, points_outside="drop")
    assert (len(f), f.dropped) == (60, 1)
    assert f.select(images=["a"]).dropped == 1


def test_a_fixation_at_the_width_does_not_make_a_table_count_from_1():
    x, y = np.append(X.clip(1), 640.0), np.append(Y.clip(1), 10.0)
    assert make(x, y, points_outside="drop").dropped == 1


def test_pixels_from_1_are_named_and_mended():
    x, y = np.append(np.ceil(X).clip(1), [1, 640]), np.append(np.ceil(Y).clip(1), [1, 480])
    with pytest.raises(RegardError, match=r"1-based.*--first-pixel 1"):
        make(x, y)
    f = make(x, y, first_pixel=1)
    assert (f.x.min(), f.x.max(), f.y.max()) == (0, 639, 479)


def test_exchanged_axes_are_named_and_two_strays_are_not():
    with pytest.raises(RegardError, match=r"swapped.*--columns x=y,y=x"):
        make(Y, X)
    x, y = np.append(X[X < 480], [300, 200]), np.append(Y[X < 480], [500, 600])  # within 640 by 480 if exchanged
    few = make(x, y, points_outside="drop")
    assert few.dropped == 2


@pytest.mark.parametrize("screen", [(1080, 1920), (768, 1024), (2160, 3840)])
def test_pixels_of_the_screen_are_named_and_rescaled(screen):
    x, y = X * screen[1] / 640, Y * screen[0] / 480
    with pytest.raises(RegardError, match="--gaze-size WIDTHxHEIGHT"):
        make(x, y)
    f = make(x, y, gaze_size=screen, pixels_per_degree=40.0)
    np.testing.assert_allclose(f.x, X)
    np.testing.assert_allclose(f.y, Y)
    assert f.sizes.tolist() == [list(SIZE)]


@pytest.mark.parametrize("order", [[0, 1.5, 2], [0, float("nan"), 1], [0, float("inf"), 1]])
def test_an_order_that_is_no_number_of_a_place_is_named(order):
    with pytest.raises(RegardError, match="row 1 has"):
        make(X[:3], Y[:3], order=order)


def test_an_image_that_cannot_be_read_is_left_out_and_named():
    f = make_fixations(image=["a", "b", "b"], x=[9, 8, 7], y=[1, 2, 3], sizes={"a": SIZE, "b": None, "c": None})
    assert (f.images, len(f), f.dropped, list(f.unreadable)) == (("a",), 1, 2, ["b"])


@pytest.mark.parametrize(
    "option", [{"units": "inch"}, {"duration_unit": "min"}, {"points_outside": "clip"}, {"first_pixel": 2}]
)
def test_an_option_that_does_not_exist_is_named(option):
    with pytest.raises(RegardError, match="one of"):
        make(X, Y, **option)
