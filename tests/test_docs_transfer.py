"""The tables of features on other data in docs/claims.md match results/cross_domain.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def interval(estimate: dict[str, Any], sign: str = "") -> str:
    words = f"{estimate['value']:{sign}.3f} ({estimate['low']:{sign}.3f} to {estimate['high']:{sign}.3f})"
    return words.replace("0.", ".").replace("-", "−")


def transfers() -> Iterator[str]:
    """Accuracies with their floors, then differences."""
    values = json.loads((ROOT / "results" / "cross_domain.json").read_text())["values"]
    for data, shots in values.items():
        for shot_count, results in shots.items():
            floors = [f"{results['floors'][kind]:.3f}".replace("0.", ".") for kind in ("untrained", "pixels")]
            yield f"| {' | '.join([f'`{data}`', shot_count, *map(interval, results['accuracy'].values()), *floors])} |"
    for data, shots in values.items():
        for shot_count, results in shots.items():
            for d in results["differences"]:
                p = f"{d['p_holm']:.3f}".replace("0.", ".") if d["p_holm"] >= 0.001 else "below .001"
                yield f"| `{data}` | {shot_count} | {d['arm']} | {d['minus']} | {interval(d, '+')} | {p} |"


def test_features_on_other_data_match_the_record() -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for line in transfers():
        assert line in text
