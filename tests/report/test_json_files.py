import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from regard.report.json_files import MismatchError, from_json


@dataclass(frozen=True)
class Inner:
    share: float
    side: Literal["left", "right"] = "left"


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    on: bool = True
    many: tuple[Inner, ...] = ()
    by: Mapping[str, float] = field(default_factory=dict)
    perhaps: Inner | None = None


def test_nested_objects_are_built_and_unknown_keys_ignored() -> None:
    content = {
        "name": "a",
        "count": 3,
        "many": [{"share": 1}, {"share": 0.5, "side": "right"}],
        "by": {"x": 2},
        "new": 1,
    }
    expected = Outer("a", 3, many=(Inner(1.0), Inner(0.5, "right")), by={"x": 2.0})
    assert from_json(Outer, content) == expected


def test_null_is_undefined_for_a_float_and_none_where_allowed() -> None:
    outer = from_json(Outer, {"name": "a", "count": 3, "by": {"x": None}, "perhaps": None})
    assert math.isnan(outer.by["x"])
    assert outer.perhaps is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 2.5}, r"count is 2\.5, expected a whole number"),
        ({"count": True}, "count is True, expected a whole number"),
        ({"count": None}, "count is None, expected a whole number"),
        ({"name": 7}, "name is 7, expected text"),
        ({"on": 1}, "on is 1, expected true or false"),
        ({"many": {"share": 1}}, "many is .*, expected a list"),
        ({"many": [{"share": 1}, {"share": "x"}]}, r"many\[1\]\.share is 'x', expected a number"),
        ({"many": [{"share": 1, "side": "up"}]}, r"many\[0\]\.side is 'up', expected one of 'left', 'right'"),
        ({"many": [{}]}, r"many\[0\]\.share is missing"),
        ({"by": [1]}, r"by is \[1\], expected a mapping"),
        ({"by": {"x": "y" * 200}}, r"by\.x is 'y{56}\.\.\., expected a number"),
        ({"perhaps": 4}, "perhaps is 4, expected a mapping"),
    ],
)
def test_names_the_place_the_value_and_what_was_expected(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError, match=f"^{message}$"):
        from_json(Outer, {"name": "a", "count": 3} | change)


def test_errors_at_the_top_level() -> None:
    with pytest.raises(MismatchError, match=r"the whole is \[\], expected a mapping"):
        from_json(Outer, [])
