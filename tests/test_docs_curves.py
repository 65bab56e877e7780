"""The tables in docs/curves.md match the records of sweeps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.test_docs_tables import number

ROOT = Path(__file__).resolve().parents[1]
RIGHT = ("accuracy_mean", "accuracy_one_sample")
WHERE = ("energy_inside", "deletion_gap", "deletion_gap_random")
SHOWN = {
    "latent_budget": (
        *RIGHT,
        "accuracy_4_samples",
        "accuracy_12_samples",
        "latent_bits",
        "label_bits",
        "calibration_error",
        "unknown_auroc",
    ),
    "map_budget": (*RIGHT, "gate_bits", "map_bits", "latent_bits", "calibration_error", *WHERE),
    "gate": (*RIGHT, "gate_bits", "map_bits", *WHERE),
    "anchors": (*RIGHT, "latent_bits", "code_bits", "map_bits", *WHERE),
    "where": (*RIGHT, "gate_bits", "map_bits", "latent_bits", *WHERE),
}


def short(cell: dict[str, Any] | None, key: str) -> str:
    """Accuracies with their interval; bits with one digit below a hundred; the rest with two digits."""
    if cell is None or cell["value"] is None:
        return ""
    if key in ("accuracy_mean", "accuracy_one_sample") or (key.endswith("bits") and cell["value"] >= 100):
        return number(cell, key)
    digits = 1 if key.endswith("bits") else 2
    return f"{cell['value']:.{digits}f}".replace("-", "−").replace("0.", ".", cell["value"] < 1)


def sweep(name: str) -> Iterator[str]:
    values = json.loads((ROOT / "results" / f"sweep_{name}.json").read_text())["values"]
    for row in values["rows"]:
        arm = row["arm"].rpartition("=")[2].strip("[]'")
        yield f"| {' | '.join([arm, *(short(row['cells'].get(key), key) for key in SHOWN[name])])} |"


@pytest.mark.parametrize("name", SHOWN)
def test_a_sweep_table_matches_its_record(name: str) -> None:
    text = (ROOT / "docs" / "curves.md").read_text(encoding="utf-8")
    for line in sweep(name):
        assert line in text
