"""What docs/claims.md says of features on other data is what results/cross_domain.json holds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def said(found: dict[str, Any], sign: str = "") -> str:
    words = f"{found['value']:{sign}.3f} ({found['low']:{sign}.3f} to {found['high']:{sign}.3f})"
    return words.replace("0.", ".").replace("-", "−")


def transfers() -> Iterator[str]:
    """Accuracies with their floors, then differences."""
    found = json.loads((ROOT / "results" / "cross_domain.json").read_text())["values"]
    for data, shots in found.items():
        for asked, one in shots.items():
            floors = [f"{one['floors'][kind]:.3f}".replace("0.", ".") for kind in ("untrained", "pixels")]
            yield f"| {' | '.join([f'`{data}`', asked, *map(said, one['accuracy'].values()), *floors])} |"
    for data, shots in found.items():
        for asked, one in shots.items():
            for d in one["differences"]:
                p = f"{d['p_holm']:.3f}".replace("0.", ".") if d["p_holm"] >= 0.001 else "below .001"
                yield f"| `{data}` | {asked} | {d['arm']} | {d['minus']} | {said(d, '+')} | {p} |"


def test_features_on_other_data_are_the_record() -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for line in transfers():
        assert line in text
