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


MAP = json.loads((ROOT / "results" / "first_map.json").read_text())["values"]


def test_what_is_said_of_the_map_that_comes_along_is_what_was_recorded() -> None:
    text = " ".join((ROOT / "docs" / "start.md").read_text(encoding="utf-8").split())
    part = text.partition("### The map that comes along")[2].partition("## Does it work here?")[0]
    assert f"{MAP['bytes'] / 1000:.0f} kB" in part
    assert MAP["bytes"] < 1_000_000
    assert f"{MAP['facts']['images']} crops" in part
    for row, data in (("birds", "cub"), ("salient objects", "ecssd")):
        found = MAP[data]
        kept, scores = found["kept"], found["scores"]
        cells = [f"{found['images']}", f"{kept['bits']['mean']:,.0f}"]
        cells += [two(kept[name]["mean"]) for name in ("kept", "uniform")]
        for key in ("gap", "energy"):
            cells += [" / ".join(two(scores[name][key]["mean"]) for name in ("first_map", "grad_cam", "random"))]
        assert f"| {row} | " + " | ".join(cells) + " |" in part


def test_the_map_that_comes_along_is_between_chance_and_grad_cam() -> None:
    for data in ("cub", "ecssd"):
        assert MAP[data]["kept_minus_uniform"]["low"] > 0
        for key in ("gap", "energy", "pointing"):
            assert MAP[data]["first_map_minus"]["random"][key]["low"] > 0
            assert MAP[data]["first_map_minus"]["grad_cam"][key]["high"] < 0
        assert MAP[data]["kept"]["kept"]["mean"] < 0.5


def two(value: float) -> str:
    """Two decimals, without the zero before the point, with a true minus sign."""
    return f"{value:.2f}".replace("0.", ".").replace("-", "−")
