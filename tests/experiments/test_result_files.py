"""Every table, sweep and study in results/ opens with the schema of today."""

import json
from pathlib import Path

import pytest

from regard.experiments.study import read_study_results
from regard.experiments.tables import TableResults
from regard.report import from_json

RESULTS = Path(__file__).resolve().parents[2] / "results"
STUDIES = sorted(RESULTS.glob("study_*.json"))
TABLES = sorted([*RESULTS.glob("table_*.json"), *RESULTS.glob("sweep_*.json")])


def test_there_are_results_of_each_kind() -> None:
    assert {path.name.partition("_")[0] for path in (*STUDIES, *TABLES)} == {"study", "sweep", "table"}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_opens(path: Path) -> None:
    record = json.loads(path.read_text())
    results = from_json(TableResults, {"name": record["name"], "seeds": record["seeds"]} | record["values"])
    assert results.reference in {row.arm for row in results.rows}
    assert results.made


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_opens(path: Path) -> None:
    results = read_study_results(path)
    assert results.made
    assert all(verdict.findings for verdict in results.values.verdicts if not verdict.notes)
