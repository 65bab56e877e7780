import pytest

from regard.report.schema import Difference, Reference, Score

NAN = float("nan")


def score(better: str | None, value: float, low: float, high: float, floor: Reference) -> Score:
    return Score("k", "prediction", "K", value, better=better, low=low, high=high, references=(floor,))


@pytest.mark.parametrize(
    ("better", "floor", "clears"),
    [
        ("higher", (0.40, 0.35, 0.44), True),
        ("higher", (0.40, 0.35, 0.45), False),  # intervals touch
        ("higher", (0.44, NAN, NAN), True),
        ("higher", (0.46, NAN, NAN), False),
        ("lower", (0.60, 0.56, 0.65), True),
        ("lower", (0.60, 0.54, 0.65), False),
        ("lower", (0.10, NAN, NAN), False),
        (None, (0.90, NAN, NAN), True),
        ("higher", (NAN, NAN, NAN), True),
    ],
)
def test_a_floor_is_cleared_by_the_interval(better: str | None, floor: tuple[float, ...], clears: bool) -> None:
    reference = Reference("f", "floor", *floor)
    assert score(better, 0.5, 0.45, 0.55, reference).not_better_than() == (() if clears else (reference,))


def test_only_floors_are_compared() -> None:
    assert score("higher", 0.1, 0.1, 0.1, Reference("c", "control", 0.9)).not_better_than() == ()


@pytest.mark.parametrize(("low", "high", "sign"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0)])
def test_a_difference_has_a_sign_where_its_interval_excludes_zero(low: float, high: float, sign: int) -> None:
    assert Difference("d", (low + high) / 2, low, high).sign == sign


def test_a_difference_without_interval_has_none() -> None:
    assert Difference("d", 0.4).sign == 0
