import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.plot import Series, log_ticks, short, ticks
from regard.report.charts import (
    BOTTOM,
    HOVER_POINTS,
    LEFT,
    RIGHT,
    TOP,
    Axis,
    chart,
    stems,
    whiskers,
)
from regard.report.schema import Anchors, Reference, Score

NAN = float("nan")


def test_lines_are_in_the_frame_and_end_at_their_last_point() -> None:
    drawn = chart("Accuracy", [Series("validation", (0, 1, 2), (0.2, 0.6, 1.0), "main")])
    assert drawn is not None
    line = drawn.lines[0]
    assert (line.points[0].x, line.end.x) == (LEFT, RIGHT)
    assert line.points[0].y == BOTTOM
    assert line.end.y == TOP
    assert line.path == f"M{line.points[0].x} {BOTTOM:.1f}L{line.points[1].x} {line.points[1].y}L{RIGHT:.1f} {TOP:.1f}"
    assert line.end.text == "validation, epoch 2: 1.00"
    assert drawn.alt == "Accuracy over epoch: validation from 0.200 to 1.00, lowest 0.200, highest 1.00."


def test_an_undefined_value_leaves_a_gap() -> None:
    drawn = chart("x", [Series("", (0, 1, 2, 3), (1, NAN, 2, 3), "main")])
    assert drawn is not None
    assert drawn.lines[0].path.count("M") == 2
    assert len(drawn.lines[0].points) == 3


def test_nothing_to_draw() -> None:
    assert chart("x", []) is None
    assert chart("x", [Series("", (), (), "main"), Series("", (0,), (NAN,), "main")]) is None


def test_one_epoch_is_a_dot_in_the_middle() -> None:
    drawn = chart("x", [Series("", (0,), (0.5,), "main")])
    assert drawn is not None
    assert drawn.lines[0].end.x == (LEFT + RIGHT) / 2
    assert TOP <= drawn.lines[0].end.y <= BOTTOM


def test_the_axis_is_logarithmic_only_if_allowed_and_positive() -> None:
    def logarithmic(y: tuple[float, ...], decades: bool) -> bool:
        drawn = chart("x", [Series("", (0, 1), y, "main")], decades=decades)
        assert drawn is not None
        assert all(TOP - 0.1 <= t.at <= BOTTOM + 0.1 for t in drawn.yticks)
        return drawn.logarithmic

    assert logarithmic((5000, 20), True)
    assert not logarithmic((5000, 20), False)
    assert not logarithmic((5000, 0), True)
    assert not logarithmic((50, 20), True)


def test_long_lines_have_no_labels_at_points() -> None:
    x = tuple(range(HOVER_POINTS + 1))
    drawn = chart("x", [Series("", x, x, "main")])
    assert drawn is not None
    assert drawn.lines[0].points == ()
    assert drawn.lines[0].path.count("L") == HOVER_POINTS


def test_linear_and_logarithmic_places() -> None:
    assert Axis(0, 10, 100, 200)(2.5) == 125
    assert Axis(1, 100, 0, 10, True)(10) == pytest.approx(5)
    assert Axis(0, 1, 170, 12)(1) == 12  # y runs down


def test_a_range_without_width_is_drawn_in_the_middle() -> None:
    assert Axis(3, 3, 0, 10)(3) == 5


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_enclose_the_range(low: float, width: float) -> None:
    positions = ticks(low, low + width, 5)
    assert positions[0] <= low + 1e-6 * width
    assert positions[-1] >= low + width * (1 - 1e-6)
    assert 2 <= len(positions) <= 8


def test_ticks_enclose_a_narrow_range_far_from_zero() -> None:
    low = 131072.33739994257
    positions = ticks(low, low + 1e-3, 5)
    assert positions[0] <= low < low + 1e-3 <= positions[-1]


def test_ticks_of_one_value() -> None:
    assert len(ticks(0.0, 0.0, 5)) > 1
    assert len(ticks(-7.0, -7.0, 5)) > 1


def test_whole_ticks() -> None:
    assert all(t.is_integer() for t in ticks(0, 3, 6, whole=True))


def test_log_ticks_are_powers_of_ten() -> None:
    assert log_ticks(2e-4, 50) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (-5, "−5"), (2000, "2,000"), (12500, "12.5k"), (1e-4, "1e−4")],
)  # fmt: skip
def test_tick_texts(value: float, text: str) -> None:
    assert short(value) == text


def score(value: float, low: float, high: float, *references: Reference) -> Score:
    return Score("k", "prediction", "Accuracy", value, low=low, high=high, references=references)


def test_places_keep_their_order() -> None:
    drawn = whiskers(score(0.6, 0.5, 0.7, Reference("a", "floor", 0.2, 0.1, 0.3), Reference("b", "ceiling", 1.0)))
    assert drawn is not None
    floor, ceiling = drawn.marks
    places = [floor.low, floor.at, floor.high, drawn.low, drawn.at, drawn.high, ceiling.at]
    assert places == sorted(places)
    assert all(0 <= p <= 100 for p in places)
    assert ceiling.low == ceiling.at == ceiling.high
    assert drawn.alt == "Accuracy 0.600, interval 0.500 to 0.700; floor a 0.200; ceiling b 1.00"


def test_a_distant_floor_is_drawn_at_the_edge_beside_a_control() -> None:
    control, floor = Reference("twin", "control", 0.88, 0.87, 0.89), Reference("chance", "floor", 0.1)
    drawn = whiskers(score(0.91, 0.90, 0.92, control, floor))
    assert drawn is not None
    assert [m.beyond for m in drawn.marks] == [False, True]
    assert drawn.marks[1].at < 5
    assert drawn.low - drawn.marks[0].high > 5  # apart, as the numbers are


def test_a_far_floor_without_a_control_is_the_comparison() -> None:
    drawn = whiskers(score(0.66, 0.65, 0.67, Reference("area", "floor", 0.195)))
    assert drawn is not None
    assert not drawn.marks[0].beyond


@pytest.mark.parametrize(
    "nothing", [score(NAN, NAN, NAN), score(0.5, NAN, NAN), score(0.5, 0.5, 0.5, Reference("a", "floor", NAN))]
)
def test_undefined_scores_have_no_chart(nothing: Score) -> None:
    assert whiskers(nothing) is None


def test_stems_stand_at_their_anchors() -> None:
    drawn = stems(Anchors(values=(0.0, 0.25, 1.0), usage=(0.75, 0.25, 0.0)))
    assert [s.value for s in drawn.stems] == [0, 25, 100]
    assert drawn.stems[0].usage == pytest.approx(3 * drawn.stems[1].usage)
    assert [s.dead for s in drawn.stems] == [False, False, True]
    assert drawn.stems[0].text == "anchor 0: 75.0 % of positions"
    assert max(s.usage for s in drawn.stems) <= drawn.ticks[-1].at == 100


def test_no_anchor_in_use_is_no_error() -> None:
    drawn = stems(Anchors(values=(0.5, NAN), usage=(NAN, 0.1)))
    assert len(drawn.stems) == 1
    assert drawn.stems[0].dead
