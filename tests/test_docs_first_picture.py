"""The time to a first picture in docs/start.md is that of results/first_picture.json."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VALUES = json.loads((ROOT / "results" / "first_picture.json").read_text())["values"]


def test_the_time_to_a_first_picture_is_what_was_recorded() -> None:
    own = VALUES["own_photograph"]
    usual, slowest = (
        f"{own['wall_seconds']:.0f} s on two cores",
        f"{own['slowest_wall_seconds']:.0f} s at most of three",
    )
    assert f"it takes {usual}, {slowest}" in " ".join((ROOT / "docs" / "start.md").read_text(encoding="utf-8").split())
    assert own["slowest_wall_seconds"] < VALUES["target_seconds"]
