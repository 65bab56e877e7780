"""The numbers in docs/tokens.md are what results/token_skipping.json holds."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HELD = json.loads((ROOT / "results" / "token_skipping.json").read_text())["values"]
TEXT = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")


def short(value: float, digits: int) -> str:
    said = f"{value:.{digits}f}".replace("-", "−")
    return said.replace("0.", ".") if abs(value) < 1 else said


def test_times_of_the_untrained_network() -> None:
    found: dict[tuple[int, float], dict[int, float]] = {}
    for cell in HELD["vit_tiny_224"]:
        found.setdefault((cell["at"], cell["kept_share"]), {})[cell["batch"]] = cell["dropped_times_faster"]
    assert len(found) == 9
    for (at, kept), speed in found.items():
        line = f"| block {at} | {kept:g} | {short(speed[1], 2)} | {short(speed[8], 2)} |".replace("0.", ".")
        assert line in TEXT


def test_accuracies_of_the_trained_one() -> None:
    (cell,) = HELD["trained"]
    for name, key in (("mean", "mean_map"), ("one random", "random_map")):
        found: dict[str, Any] = cell[key]
        lost, kept = found["accuracy_lost"], found["kept_share"]
        interval = f"{short(lost['mean'], 3)} ({short(lost['low'], 3)} to {short(lost['high'], 3)})"
        ends = f"{kept['smallest']:g} to {kept['largest']:g}"
        faster = short(found["by_batch"]["64"]["dropped_times_faster"], 2)
        line = f"| {name} | {short(found['accuracy'], 3)} | {interval} | {short(kept['mean'], 2)} | {ends} | {faster} |"
        assert line in TEXT
