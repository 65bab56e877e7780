import pytest

from regard.report.charts import stems, whiskers
from regard.report.schema import Anchors, Reference, Score

NAN = float("nan")


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


def test_a_far_floor_stands_at_the_edge_so_that_the_control_can_be_compared() -> None:
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
def test_nothing_to_draw_against(nothing: Score) -> None:
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
