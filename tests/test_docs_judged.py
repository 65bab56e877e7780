"""The table of methods on an ImageNet network in docs/judging.md matches results/judge_imagenet.json."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("gap_mean", "gap_blur", "gap_noisy_linear", "drop", "exclusion_flips", "energy", "cascade_all_spearman")


def lines(table: dict[str, Any]) -> list[str]:
    """A line of the table in the docs for each method; a tick where the map is clearly better than its first floor."""
    better = {measure["key"]: measure["better"] for measure in table["measures"]}
    rows = {(row["method"], row["measure"]): row for row in table["rows"]}
    table_lines = []
    for method in table["methods"]:
        cells = [f"`{method['name']}`", f"{method['forwards_an_image']:,.0f}"]
        for key in COLUMNS:
            row = rows.get((method["name"], key))
            cells.append("" if row is None or row["value"] is None else value(row, better[key]))
        table_lines.append(f"| {' | '.join(cells)} |")
    return table_lines


def value(row: dict[str, Any], better: str | None) -> str:
    text = f"{row['value']:.2f}".replace("0.", ".", 1).replace("-", "−")
    d = row["difference"]
    if d is None or d["low"] is None or better is None or row["measure"].startswith("cascade"):
        return text
    clear = d["low"] > 0 if better == "higher" else d["high"] < 0
    return f"{text} ✓" if clear else text


@pytest.mark.parametrize("data", ["birds", "photographs"])
def test_the_table_of_methods_matches_the_record(data: str) -> None:
    text = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    table = json.loads((ROOT / "results" / "judge_imagenet.json").read_text())["values"][data]
    assert not any(failure["broke"] for failure in table["failed"])
    assert f"{table['images']} photographs" in text
    for line in lines(table):
        assert line in text
