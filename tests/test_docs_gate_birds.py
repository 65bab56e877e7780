"""The table of the gate on birds in docs/claims.md is that of results/gate_birds.json."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "results" / "gate_birds.json").read_text())
TEXT = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
ARMS, DIFFERENCES = RECORD["values"]["arms"], RECORD["values"]["differences"]


def number(value: float, digits: int, *, signed: bool = False) -> str:
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", "−").replace("0.", ".", 1) if abs(value) < 1 else text


def interval(found: dict[str, float], digits: int, *, signed: bool = False) -> str:
    value, low, high = (number(found[part], digits, signed=signed) for part in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


@pytest.mark.parametrize(
    ("label", "found", "digits", "signed"),
    [
        ("accuracy, mean", ARMS["gate"]["accuracy_mean"], 3, False),
        ("accuracy, 16 samples", ARMS["gate"]["accuracy_16_samples"], 3, False),
        ("mean minus 16 samples", DIFFERENCES["mean_minus_16_samples"], 3, True),
        ("mean minus plain", DIFFERENCES["minus plain, matched"], 3, True),
        ("16 samples minus plain", DIFFERENCES["16 samples minus plain, matched"], 3, True),
        ("bits in the box", ARMS["gate"]["energy_inside_bits"], 2, False),
        ("bits near parts", ARMS["gate"]["energy_near_parts"], 2, False),
        ("NSS of people", ARMS["gate"]["gaze_nss"], 2, False),
        ("deletion gap", ARMS["gate"]["deletion_gap"], 2, False),
        ("deletion gap, random maps", ARMS["gate"]["deletion_gap_random"], 2, False),
        ("cost of a uniform map", DIFFERENCES["cost_of_a_uniform_map"], 3, False),
    ],
)
def test_a_row_is_what_was_recorded(label: str, found: dict[str, float], digits: int, signed: bool) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith((f"| {label} |", f"| {label}, area")))
    assert row.split("|")[2].strip() == interval(found, digits, signed=signed)


def test_the_plain_network_and_the_seeds_are_those_recorded() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| accuracy, mean |"))
    assert row.split("|")[3].strip() == interval(ARMS["plain, matched"]["accuracy_mean"], 3)
    words = {3: "three", 4: "four", 5: "five"}[len(RECORD["seeds"])]
    assert f"{words} paired seeds" in TEXT.partition("### The gate under a budget")[2].partition("\n## ")[0]
