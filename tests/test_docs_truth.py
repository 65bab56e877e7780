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


def test_the_table_of_networks_without_a_truth_is_that_of_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import truth_real

    values = json.loads((ROOT / "results" / "truth_real.json").read_text(encoding="utf-8"))["values"]
    text = (ROOT / "docs" / "truth.md").read_text(encoding="utf-8")
    assert text.partition(truth_real.BEGIN)[2].partition(truth_real.END)[0] == truth_real.table(values)
    sys.modules.pop("truth_real")


def test_the_order_that_networks_are_compared_with_is_that_of_the_record(recorded: dict[str, Any]) -> None:
    values = json.loads((ROOT / "results" / "truth_real.json").read_text(encoding="utf-8"))["values"]
    ranks = {row["name"]: row["rank"]["value"] for row in recorded["methods"]}
    assert values["ranks"]["worlds"] == pytest.approx(ranks)
    assert values["baselines"] == list(RECOMMENDED)


def test_what_is_said_of_metrics_that_learn_first(recorded: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in recorded["learned_rows"]}
    best, road = rows[recorded["recommended"]], next(r for r in recorded["rows"] if r["name"] == "gap_noisy_linear")
    for name in ("gap_inpainted", "gap_tuned", "f_fidelity"):
        assert rows[name]["tau"]["value"] < best["tau"]["value"]
    inpainted = next(r for r in recorded["rows"] if r["name"] == "gap_inpainted")
    assert abs(inpainted["tau"]["value"] - road["tau"]["value"]) < 0.05
