"""The tables of docs/truth.md are those of results/truth.json, and regard judge uses what is recommended there."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from regard.judge.removal import RECOMMENDED
from regard.report import from_json
from regard.truth import TruthResults

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "results" / "truth.json"


@pytest.fixture
def recorded() -> dict[str, Any]:
    return json.loads(RECORD.read_text(encoding="utf-8"))["values"]


def test_the_tables_are_those_of_the_record(recorded: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import truth

    text = (ROOT / "docs" / "truth.md").read_text(encoding="utf-8")
    shown = text.partition(truth.BEGIN)[2].partition(truth.END)[0]
    assert shown == truth.tables(from_json(TruthResults, recorded))
    sys.modules.pop("truth")


def test_judge_uses_the_recommended_baselines(recorded: dict[str, Any]) -> None:
    assert recorded["recommended"].split("+") == [f"gap_{name}" for name in RECOMMENDED]


def test_the_proof_holds_in_every_network_of_the_record(recorded: dict[str, Any]) -> None:
    for kind in recorded["kinds"].values():
        assert kind["changed"] == 0
        assert kind["replaced"] == 1000 * kind["networks"]
