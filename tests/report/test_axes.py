import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.report.charts import Axis, log_ticks, short, ticks


def test_linear_and_logarithmic_places() -> None:
    assert Axis(0, 10, 100, 200, False)(2.5) == 125
    assert Axis(1, 100, 0, 10, True)(10) == pytest.approx(5)
    assert Axis(0, 1, 170, 12, False)(1) == 12  # y runs down


def test_a_range_without_width_is_drawn_in_the_middle() -> None:
    assert Axis(3, 3, 0, 10, False)(3) == 5


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_enclose_what_is_drawn(low: float, width: float) -> None:
    found = ticks(low, low + width, 5)
    assert found[0] <= low + 1e-6 * width
    assert found[-1] >= low + width * (1 - 1e-6)
    assert 2 <= len(found) <= 8


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
