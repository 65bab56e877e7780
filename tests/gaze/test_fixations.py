import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.gaze import Fixations, make_fixations
from regard.types import RegardError

SIZES = {"a": (30, 40), "b": (60, 80), "empty": (10, 10)}


def table(**changes):
    columns = {
        "image": ["a", "a", "b", "a", "b"],
        "subject": ["s10", "s9", "s9", "s9", "s10"],
        "x": [0.0, 39.9, 79.5, 12.0, 40.0],
        "y": [29.9, 0.0, 31.0, 13.0, 20.0],
        "order": [0, 0, 0, 1, 0],
        "duration": [200.0, 150.0, 300.0, 250.0, 100.0],
        "sizes": SIZES,
    }
    return make_fixations(**{**columns, **changes})


def test_columns_and_names():
    f = table()
    assert len(f) == 5
    assert f.images == ("a", "b", "empty")
    assert f.subjects == ("s9", "s10")  # natural order
    assert f.counts().tolist() == [3, 2, 0]
    assert f.sizes.tolist() == [[30, 40], [60, 80], [10, 10]]


def test_is_frozen():
    f = table()
    with pytest.raises(ValueError, match="read-only"):
        f.x[0] = 3
    with pytest.raises(AttributeError):
        f.x = np.zeros(5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [0.0, 40.0, 79.5, 12.0, 40.0]}, r"1 of 5 .* row 1 at \(x=40, y=0\) on 'a' of 40x30"),
        ({"y": [-1.0, 0.0, 31.0, 13.0, 20.0]}, r"row 0 at \(x=0, y=-1\)"),
        ({"x": [float("nan"), 1.0, 2.0, 3.0, 4.0]}, r"row 0 at \(x=nan"),
        ({"x": [1.0, 2.0]}, "differ in length"),
        ({"image": ["a", "c", "b", "a", "b"]}, "unknown image.*'c'"),
        ({"duration": [0.2, 0.15, 0.3, 0.25, 0.1]}, "seconds.*multiply"),
        ({"duration": [2e5, 1.5e5, 3e5, 2.5e5, 1e5]}, "microseconds.*divide"),
        ({"duration": [200, -1, 300, 250, 100]}, "row 1 has -1 ms"),
        ({"order": [0, -1, 0, 1, 0]}, "row 1 has -1"),
        ({"sizes": {"a": (30, 40), "b": (60, 80), "empty": (0, 10)}}, "'empty'"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(RegardError, match=message):
        table(**changes)


def test_swapped_axes_are_named():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 40, 50), rng.uniform(0, 30, 50)
    make_fixations(image=["a"] * 50, x=x, y=y, sizes=SIZES)
    for outside in ("raise", "drop"):
        with pytest.raises(RegardError, match="swapped"):
            make_fixations(image=["a"] * 50, x=y, y=x, sizes=SIZES, points_outside=outside)


def test_one_based_coordinates_are_named():
    x, y = np.meshgrid(np.arange(1, 41), np.arange(1, 31))
    with pytest.raises(RegardError, match="1-based"):
        make_fixations(image=["a"] * x.size, x=x.ravel(), y=y.ravel(), sizes=SIZES)
    f = make_fixations(image=["a"] * x.size, x=x.ravel() - 1, y=y.ravel() - 1, sizes=SIZES)
    assert len(f) == 1200


def test_fractions_and_foreign_pixels_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(RegardError, match="fractions"):
        make_fixations(image=["a"] * 9, x=rng.random(9), y=rng.random(9), sizes=SIZES)
    x, y = rng.uniform(0, 1024, 90), rng.uniform(0, 768, 90)
    with pytest.raises(RegardError, match=r"screen.*rescale"):
        make_fixations(image=["a"] * 90, x=x, y=y, sizes=SIZES, points_outside="drop")


def test_stray_points_are_dropped_on_request_only_and_counted():
    f = table(x=[-3.0, 39.9, 79.5, 12.0, 40.0], points_outside="drop")
    assert len(f) == 4
    assert f.dropped == 1
    assert f.x.min() >= 0


def test_constructor_validates_codes():
    f = table()
    with pytest.raises(RegardError, match="indices from 0 to 5"):
        Fixations(f.image + 4 * (f.image > 0), f.subject, f.x, f.y, f.order, f.duration, f.images, f.sizes, f.subjects)
    with pytest.raises(RegardError, match="listed twice"):
        Fixations(f.image, f.subject, f.x, f.y, f.order, f.duration, ("a", "b", "a"), f.sizes, f.subjects)
    with pytest.raises(RegardError, match="sizes must be"):
        Fixations(f.image, f.subject, f.x, f.y, f.order, f.duration, f.images, f.sizes[:2], f.subjects)
    with pytest.raises(RegardError, match="one length"):
        Fixations(f.image, f.subject, f.x[:3], f.y, f.order, f.duration, f.images, f.sizes, f.subjects)


def test_select():
    f = table()
    b = f.select(images=["b"])
    assert b.images == ("b",)
    assert b.image.tolist() == [0, 0]
    assert b.sizes.tolist() == [[60, 80]]
    assert f.select(images=["b", "a"]).counts().tolist() == [2, 3]
    assert f.select(subjects=["s9"]).x.tolist() == [39.9, 79.5, 12.0]
    assert f.select(order=(1, 10)).x.tolist() == [12.0]
    assert f.select(time=(0, 150)).order.tolist() == [0, 0, 0, 0]
    assert f.select(time=(150, 151)).x.tolist() == [12.0]
    with pytest.raises(RegardError, match="unknown subject 'who'"):
        f.select(subjects=["who"])
    with pytest.raises(RegardError, match="durations"):
        table(duration=None).select(time=(0, 1))


def test_onset_sums_earlier_durations_of_the_viewing():
    assert table().onset().tolist() == [0, 0, 0, 150, 0]
    shuffled = make_fixations(
        image=["a"] * 3, x=[1, 2, 3], y=[1, 2, 3], order=[2, 0, 1], duration=[7, 100, 30], sizes={"a": (9, 9)}
    )
    assert shuffled.onset().tolist() == [130, 0, 100]


def test_running_order_follows_the_rows_of_each_viewing():
    assert table(order=None).order.tolist() == [0, 0, 0, 1, 0]


def test_rescale_and_degrees():
    f = table(pixels_per_degree=20.0)
    half = f.rescale(f.sizes // 2)
    np.testing.assert_allclose(half.x, f.x / 2)
    assert half.pixels_per_degree == 10
    square = f.rescale((14, 14))
    np.testing.assert_allclose(square.y, f.y * 14 / f.sizes[f.image, 0])
    assert square.pixels_per_degree is None


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 40, exclude_max=True), st.floats(0, 30, exclude_max=True), st.integers(1, 99), st.integers(1, 99))
def test_rescaled_points_stay_inside(x, y, h, w):
    f = make_fixations(image=["a"], x=[x], y=[y], sizes={"a": (30, 40)}).rescale((h, w))
    assert 0 <= f.x[0] < w
    assert 0 <= f.y[0] < h


def test_points_are_padded_with_nan():
    p = table().points()
    assert p.shape == (3, 3, 2)
    assert p[0].tolist() == [[0.0, 29.9], [39.9, 0.0], [12.0, 13.0]]
    assert p[1, :2].tolist() == [[79.5, 31.0], [40.0, 20.0]]
    assert p[1, 2].isnan().all()
    assert p[2].isnan().all()
    assert table().points(grid=(3, 4))[0, 0].tolist() == pytest.approx([0, 2.99])


def test_no_fixations_at_all():
    f = make_fixations(image=[], x=[], y=[], sizes=SIZES)
    assert len(f) == 0
    assert f.points().shape == (3, 0, 2)
    assert f.onset().shape == (0,)
    assert f.rescale((5, 5)).sizes.tolist() == [[5, 5]] * 3
