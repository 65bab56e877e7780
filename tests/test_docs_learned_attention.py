"""The table of learned attention in docs/judging.md matches results/learned_attention.json."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("random", "Grad-CAM, attended layer", "Grad-CAM, last stage", "Grad-CAM, last stage, plain network")


def short(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−").replace("0.", ".")


def test_the_table_of_learned_attention_matches_the_record() -> None:
    text = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    values = json.loads((ROOT / "results" / "learned_attention.json").read_text())["values"]
    for arm in ("clutter, noise gate", "cifar10_jpeg, noise gate", "cifar10_jpeg, residual gate"):
        rows = {row["map"]: row for row in values[arm] if row["baseline"] == "noisy_linear"}
        cells = [arm.replace("cifar10_jpeg", "CIFAR-10"), short(rows["attention"]["gap"]["value"])]
        for column in COLUMNS:
            d = rows[column]["attention_minus_this"]
            cells.append(f"{short(d['value'])} ({short(d['low'])} to {short(d['high'])})")
        assert f"| {' | '.join(cells)} |" in text
