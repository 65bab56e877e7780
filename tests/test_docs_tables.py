"""The tables in docs/claims.md match results/table_NAME.json."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHOWN = {
    "cifar10": ("accuracy_mean", "accuracy_one_sample", "parameters", "latent_bits", "code_bits", "map_bits"),
    "cub50": (
        "accuracy_mean",
        "accuracy_one_sample",
        "parameters",
        "latent_bits",
        "gate_bits",
        "code_bits",
        "map_bits",
    ),
}
HEEDED = (
    "deletion_gap",
    "deletion_gap_random",
    "accuracy_own_map",
    "accuracy_uniform_map",
    "accuracy_another_map",
    "consistent_spatial",
    "consistent_frequency",
    "consistent_another",
)
PLACED = (
    "energy_inside",
    "area_share",
    "pointing",
    "energy_near_parts",
    "near_parts_area",
    "near_parts_center",
    "gaze_nss",
    "gaze_nss_center",
    "gaze_nss_observers",
)
MAPS = {"cifar10": (HEEDED,), "cub50": (PLACED, HEEDED)}


def number(cell: dict[str, Any] | None, key: str) -> str:
    """A cell as the docs print it: shares with three digits and their interval, counts and bits whole."""
    if cell is None or cell["value"] is None:
        return ""
    if key == "parameters":
        return f"{cell['value']:,.0f}"
    if key.endswith("bits"):
        return f"{cell['value']:.0f}"
    text = f"{cell['value']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
    return text.replace("0.", ".").replace("-", "−")


def lines(name: str) -> list[str]:
    values = json.loads((ROOT / "results" / f"table_{name}.json").read_text())["values"]
    return [
        f"| {' | '.join([row['arm'], *(number(row['cells'][key], key) for key in SHOWN[name])])} |"
        for row in values["rows"]
    ]


def maps(name: str) -> list[str]:
    """Values alone, with two digits."""
    values = json.loads((ROOT / "results" / f"table_{name}.json").read_text())["values"]
    table_lines = []
    for columns in MAPS[name]:
        for row in values["rows"]:
            cells = [row["cells"][key] for key in columns]
            texts = ["" if cell is None or cell["value"] is None else f"{cell['value']:.2f}" for cell in cells]
            words = " | ".join(texts).replace("0.", ".").replace("-", "−")
            table_lines.append(f"| {row['arm']} | {words} |")
    return table_lines


def verdicts(name: str) -> list[str]:
    values = json.loads((ROOT / "results" / f"table_{name}.json").read_text())["values"]
    table_lines = []
    for claim in values["claims"]:
        text = f"{claim['value']:+.3f} ({claim['low']:+.3f} to {claim['high']:+.3f})"
        than = claim["than"] or claim["over"]
        words = text.replace("0.", ".").replace("-", "−")
        verdict = claim["verdict"]
        if "primary" in claim:  # recorded since claims are primary or exploratory
            verdict = f"equal within {claim['within']:g}".replace("0.", ".") if verdict == "equal" else verdict
            seen = "" if claim["visible"] is None else f"{claim['visible']:.3f}".replace("0.", ".")
            verdict += f" | {seen} | {'primary' if claim['primary'] else 'exploratory'}"
        table_lines.append(f"| {claim['better']} | {than} | {claim['by']} | {words} | {verdict} |")
    return table_lines


@pytest.mark.parametrize("name", SHOWN)
def test_the_table_matches_the_record(name: str) -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for line in [*lines(name), *maps(name), *verdicts(name)]:
        assert line in text
